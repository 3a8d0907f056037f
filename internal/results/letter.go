package results

import (
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/offset"
)

// Letter is a record of the dead-letter topic as it is read back: an event's record, or
// the request of a refused push.
type Letter struct {
	Of       offset.Position // of the record; no Topic: it is a request
	Reason   string          // a Reason's word
	Text     string          // what was wrong
	Rule     string
	At       time.Time // when it was given up
	Attempts int
	Code     int    // of a refused push: the API's ErrorCode
	PushID   string // of a refused push
	Lane     string
	Omitted  int // bytes that were left out, because no record holds them

	Key, Value []byte
	Headers    []Header // the record's own

	replayOf string
}

// ParseLetter reads a record of the dead-letter topic. What is none of ours has no
// Reason.
func ParseLetter(key, value []byte, headers []Header) Letter {
	l := Letter{Key: key, Value: value}
	number := func(b []byte) int64 {
		n, _ := strconv.ParseInt(string(b), 10, 64) // ours, or nobody's
		return n
	}
	for _, h := range headers {
		switch h.Key {
		case headerReason:
			l.Reason = string(h.Value)
		case headerText:
			l.Text = string(h.Value)
		case headerRule:
			l.Rule = string(h.Value)
		case headerTopic:
			l.Of.Topic = string(h.Value)
		case headerPartition:
			l.Of.ID = int32(number(h.Value))
		case headerOffset:
			l.Of.Offset = number(h.Value)
		case headerTime:
			l.At, _ = time.Parse(time.RFC3339Nano, string(h.Value)) // zero where it is none
		case headerAttempts:
			l.Attempts = int(number(h.Value))
		case headerCode:
			l.Code = int(number(h.Value))
		case headerPush:
			l.PushID = string(h.Value)
		case headerLane:
			l.Lane = string(h.Value)
		case headerOmitted:
			l.Omitted = int(number(h.Value))
		default:
			if h.Key == "ce_replayof" {
				l.replayOf = string(h.Value)
			}
			if !strings.HasPrefix(h.Key, headerPrefix) {
				l.Headers = append(l.Headers, h)
			}
		}
	}
	return l
}

// Original is where an event that came again came for the first time; false: it had
// not come again.
func (l *Letter) Original() (offset.Position, bool) {
	at, err := offset.ParsePosition(l.replayOf)
	return at, err == nil
}
