package results

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/offset"
)

// Reason is why something is on the dead-letter topic. Its text is the value of
// the header bridge_dlq_reason and of the metric label reason. The zero Reason is
// invalid.
type Reason uint8

// The reasons.
const (
	Undecodable Reason = iota + 1 // the record is no CloudEvent
	RuleFailed                    // a rule failed on the event
	Refused                       // the API refused the push for good
	InvalidData                   // the event's data breaks the schema of its type
)

// Reasons lists all of them.
var Reasons = [...]Reason{Undecodable, RuleFailed, Refused, InvalidData}

// String returns the header's and the label's word.
func (r Reason) String() string {
	switch r {
	case Undecodable:
		return "undecodable"
	case RuleFailed:
		return "rule_failed"
	case Refused:
		return "refused"
	case InvalidData:
		return "invalid_data"
	}
	return "invalid"
}

// Header is one header of a Kafka record.
type Header struct {
	Key   string
	Value []byte
}

// DeadLetter is a record that could not be used, as it was read.
type DeadLetter struct {
	Position offset.Position
	Key      []byte
	Value    []byte // nil: a tombstone
	Headers  []Header
	Time     time.Time // the record's own timestamp, kept; far in the future: kept in a header

	Reason   Reason
	Text     string    // what was wrong, for people
	Rule     string    // empty where none was involved
	At       time.Time // when it was given up
	Attempts int       // 0 and 1: one; none of today's reasons is tried again
}

// RefusedPush is a push that the API refused for good.
type RefusedPush struct {
	PushID   string
	Request  json.RawMessage // the call's body
	Code     int             // the API's ErrorCode
	Text     string          // the API's ErrorInfo
	Rules    []string
	Lane     string // whose app refused it; empty: the default lane's
	At       time.Time
	Attempts int
}

// Our own headers. Never ce_: that would change the event.
const (
	headerPrefix    = "bridge_dlq_"
	headerReason    = headerPrefix + "reason"
	headerText      = headerPrefix + "error"
	headerRule      = headerPrefix + "rule"
	headerTopic     = headerPrefix + "topic"
	headerPartition = headerPrefix + "partition"
	headerOffset    = headerPrefix + "offset"
	headerTime      = headerPrefix + "time"
	headerAttempts  = headerPrefix + "attempts"
	headerCondition = headerPrefix + "condition"
	headerCode      = headerPrefix + "code"
	headerPush      = headerPrefix + "push"
	headerLane      = headerPrefix + "lane"
	headerOmitted   = headerPrefix + "omitted"
	headerTimestamp = headerPrefix + "timestamp"
)

// Brokers refuse timestamps that are an hour ahead (message.timestamp.after.max.ms),
// which the source topic may have allowed. Half of it leaves room for clocks.
const maxAhead = 30 * time.Minute

// permanent is the condition that ended the attempts, a fact which EventBridge's
// dead letters carry too: trying again would have failed again.
const permanent = "permanent"

// message returns the record as it came, and our headers behind its own. Those
// of an earlier stay on the topic are ours, not the event's, and are replaced.
func (l *DeadLetter) message() kafka.Message {
	h := make([]kafka.Header, 0, len(l.Headers)+10)
	for _, own := range l.Headers {
		if !strings.HasPrefix(own.Key, headerPrefix) {
			h = append(h, kafka.Header{Key: own.Key, Value: own.Value})
		}
	}
	h = append(h, end{l.Reason, l.Text, l.Rule, l.At, l.Attempts}.headers()...)
	h = append(h,
		textHeader(headerTopic, l.Position.Topic),
		textHeader(headerPartition, strconv.Itoa(int(l.Position.ID))),
		textHeader(headerOffset, strconv.FormatInt(l.Position.Offset, 10)))
	m := kafka.Message{Key: l.Key, Value: l.Value, Headers: h, Time: l.Time}
	if l.Time.After(l.At.Add(maxAhead)) {
		m.Headers = append(m.Headers, textHeader(headerTimestamp, l.Time.UTC().Format(time.RFC3339Nano)))
		m.Time = l.At
	}
	return m
}

func (p *RefusedPush) message() kafka.Message {
	h := []kafka.Header{textHeader(headerContentType, typeJSON)}
	h = append(h, end{Refused, p.Text, strings.Join(p.Rules, ","), p.At, p.Attempts}.headers()...)
	h = append(h, textHeader(headerCode, strconv.Itoa(p.Code)), textHeader(headerPush, p.PushID))
	if p.Lane != "" {
		h = append(h, textHeader(headerLane, p.Lane))
	}
	return kafka.Message{Key: []byte(p.PushID), Value: p.Request, Headers: h, Time: p.At}
}

// end is what both kinds of dead letters say of themselves.
type end struct {
	reason     Reason
	text, rule string
	at         time.Time
	attempts   int
}

func (e end) headers() []kafka.Header {
	h := []kafka.Header{
		textHeader(headerReason, e.reason.String()),
		textHeader(headerText, clip(e.text)),
		textHeader(headerTime, e.at.UTC().Format(time.RFC3339Nano)),
		textHeader(headerAttempts, strconv.Itoa(max(e.attempts, 1))),
		textHeader(headerCondition, permanent),
	}
	if e.rule != "" {
		h = append(h, textHeader(headerRule, e.rule))
	}
	return h
}

func textHeader(key, value string) kafka.Header { return kafka.Header{Key: key, Value: []byte(value)} }

// fit leaves the value out where the record is larger than any message may be,
// and where that is not enough its key and its own headers: its place in the
// source topic is in ours, and one record that cannot be written must not stop
// all others for ever.
func fit(m kafka.Message, limit int) kafka.Message {
	if sizeOf(m) <= limit {
		return m
	}
	omitted := len(m.Value)
	m.Value = []byte{}
	if sizeOf(m)+headerOverhead+len(headerOmitted)+len("1000000") > limit {
		omitted += len(m.Key)
		m.Key = nil
		var ours []kafka.Header
		for _, h := range m.Headers {
			if strings.HasPrefix(h.Key, headerPrefix) {
				ours = append(ours, h)
			} else {
				omitted += len(h.Key) + len(h.Value)
			}
		}
		m.Headers = ours
	}
	m.Headers = append(m.Headers, textHeader(headerOmitted, strconv.Itoa(omitted)))
	return m
}

// sizeOf is not less than what the record takes in a batch of its own.
func sizeOf(m kafka.Message) int {
	size := messageOverhead + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		size += len(h.Key) + len(h.Value) + headerOverhead
	}
	return size
}

// Upper bounds of what the record format adds.
const (
	headerOverhead  = 10
	messageOverhead = 100
)
