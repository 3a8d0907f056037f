package results

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/audience"
	"pushbridge/internal/journal"
)

const (
	headerContentType = "content-type"
	typeJSON          = "application/json"
	typeStructured    = "application/cloudevents+json"
)

// encoder turns what is told into Kafka messages. It writes CloudEvents by hand:
// there is one for every event, and reflection costs ten times as much. A test
// holds its bytes against those of the CloudEvents SDK.
type encoder struct {
	app                 uint64 // where what is told names none
	disposed, completed kind
	reloaded            kind
	differed, compared  kind
	binary              bool
	structuredHeaders   []kafka.Header // the same for all structured messages
}

func newEncoder(f Format) *encoder {
	return &encoder{
		app:               uint64(f.SDKAppID),
		disposed:          f.kind(typeDisposed),
		completed:         f.kind(typeCompleted),
		reloaded:          f.kind(typeReloaded),
		differed:          f.kind(typeDiffered),
		compared:          f.kind(typeCompared),
		binary:            f.Binary,
		structuredHeaders: []kafka.Header{{Key: headerContentType, Value: []byte(typeStructured)}},
	}
}

// attributes is the context of one result event. Empty optional ones are absent.
type attributes struct {
	kind          *kind
	app           uint32 // 0: the encoder's
	id            []byte
	subject       string
	at            time.Time
	causationID   string
	correlationID string
	traceParent   string
	source        string // instead of the app's
	replayID      string
	replayOf      string
}

// event returns the message of an event whose data is written by data. The value
// is appended to dst, which is returned longer; the message keeps a part of it.
func (e *encoder) event(dst []byte, a attributes, data func([]byte) []byte) (kafka.Message, []byte) {
	start := len(dst)
	if e.binary {
		dst = data(dst)
		return kafka.Message{Value: dst[start:len(dst):len(dst)], Headers: e.headers(a)}, dst
	}
	// The order is the SDK's.
	dst = append(dst, `{"specversion":"1.0","id":`...)
	dst = appendString(dst, string(a.id))
	dst = append(dst, `,"source":"`...)
	dst = append(e.appendSource(dst, a), '"')
	dst = appendMember(dst, "type", a.kind.typ)
	dst = appendMember(dst, "subject", a.subject)
	dst = append(dst, `,"datacontenttype":"application/json"`...)
	dst = appendMember(dst, "dataschema", a.kind.schema)
	dst = appendInstant(dst, "time", a.at)
	dst = append(dst, `,"data":`...)
	dst = data(dst)
	dst = appendMember(dst, "causationid", a.causationID)
	dst = appendMember(dst, "correlationid", a.correlationID)
	dst = appendMember(dst, "replayid", a.replayID)
	dst = appendMember(dst, "replayof", a.replayOf)
	dst = appendMember(dst, "traceparent", a.traceParent)
	dst = append(dst, '}')
	return kafka.Message{Value: dst[start:len(dst):len(dst)], Headers: e.structuredHeaders}, dst
}

// headers returns the attributes as the CloudEvents Kafka binding has them.
func (e *encoder) headers(a attributes) []kafka.Header {
	h := make([]kafka.Header, 0, 13)
	add := func(name, value string) {
		if value != "" {
			h = append(h, kafka.Header{Key: name, Value: []byte(value)})
		}
	}
	add("ce_specversion", "1.0")
	add("ce_id", string(a.id))
	add("ce_source", string(e.appendSource(nil, a)))
	add("ce_type", a.kind.typ)
	add("ce_subject", a.subject)
	add("ce_dataschema", a.kind.schema)
	add("ce_time", a.at.UTC().Format(time.RFC3339Nano))
	add("ce_causationid", a.causationID)
	add("ce_correlationid", a.correlationID)
	add("ce_replayid", a.replayID)
	add("ce_replayof", a.replayOf)
	add("ce_traceparent", a.traceParent)
	add(headerContentType, typeJSON)
	return h
}

// appendSource names the app whose events these are: each has budgets, people and
// ids of its own.
func (e *encoder) appendSource(dst []byte, a attributes) []byte {
	if a.source != "" {
		return append(dst, a.source...)
	}
	id := e.app
	if a.app != 0 {
		id = uint64(a.app)
	}
	return strconv.AppendUint(append(dst, "/bridge/"...), id, 10)
}

// event of a disposition.
func (e *encoder) eventDisposed(dst []byte, d *journal.Disposition) (kafka.Message, []byte) {
	o := &d.Origin
	var id [128]byte // enough for most, so that it stays on the stack
	a := attributes{
		kind: &e.disposed, app: d.App, id: appendDisposedID(id[:0], d), at: d.At,
		causationID: legal(o.ID), correlationID: legal(o.CorrelationID), traceParent: legal(o.Traceparent),
		replayID: legal(o.ReplayID), replayOf: legal(o.ReplayOf),
	}
	if o.ID != "" {
		a.subject = legal(o.Source + "/" + o.ID)
	} else {
		a.subject = o.Position.String()
	}
	m, dst := e.event(dst, a, func(dst []byte) []byte { return appendDisposedData(dst, d) })
	// A key may be as long as a record; the texts beside it are cut.
	if m.Key = o.Key; sizeOf(m) > batchBytes {
		m.Key = nil
	}
	return m, dst
}

// appendDisposedID makes the id from what makes a disposition the one it is.
func appendDisposedID(dst []byte, d *journal.Disposition) []byte {
	p := d.Origin.Position
	dst = append(dst, p.Topic...)
	dst = strconv.AppendInt(append(dst, '/'), int64(p.ID), 10)
	dst = strconv.AppendInt(append(dst, '@'), p.Offset, 10)
	dst = append(append(dst, ':'), legal(d.Rule)...)
	return append(append(dst, ':'), d.Kind.String()...)
}

func appendDisposedData(dst []byte, d *journal.Disposition) []byte {
	o := &d.Origin
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, o.Position.Topic)
	dst = appendInt(dst, "partition", int64(o.Position.ID))
	dst = appendInt(dst, "offset", o.Position.Offset)
	dst = appendMember(dst, "event_source", o.Source)
	dst = appendMember(dst, "event_id", o.ID)
	dst = appendMember(dst, "event_type", o.Type)
	dst = appendMember(dst, "rule", d.Rule)
	dst = appendMember(dst, "rules_version", d.RulesVersion)
	dst = appendMember(dst, "lane", d.Lane)
	dst = appendMember(dst, "disposition", d.Kind.String())
	dst = appendTrue(dst, "more", d.More)
	dst = appendMember(dst, "push_id", d.PushID)
	dst = appendMember(dst, "task_id", d.TaskID)
	if d.Parts > 1 {
		dst = appendInt(dst, "parts", int64(d.Parts))
	}
	if d.Code != 0 {
		dst = appendInt(dst, "error_code", int64(d.Code))
	}
	dst = appendMember(dst, "error_text", d.Info)
	dst = appendMember(dst, "why", d.Why)
	dst = appendTexts(dst, "approved_by", d.ApprovedBy)
	dst = appendTrue(dst, "doubt", d.Doubt)
	dst = appendMember(dst, "by", d.By)
	dst = appendMember(dst, "reason", d.Reason)
	dst = appendInstant(dst, "received", o.Received)
	dst = appendInstant(dst, "decided", d.At)
	dst = appendInstant(dst, "pushed", d.PushedAt)
	return append(dst, '}')
}

// completedData is the data of a call's end; there are few of them.
type completedData struct {
	PushID       string            `json:"push_id"`
	Attempt      int               `json:"attempt"`
	Lane         string            `json:"lane,omitempty"`
	TaskID       string            `json:"task_id,omitempty"`
	Class        string            `json:"class"`
	Code         int               `json:"error_code,omitempty"`
	Text         string            `json:"error_text,omitempty"`
	OnDoubt      string            `json:"on_doubt,omitempty"`
	Counted      bool              `json:"counted"`
	Rules        []string          `json:"rules"`
	RulesVersion string            `json:"rules_version,omitempty"`
	Condition    audience.Audience `json:"condition"`
	Messages     int               `json:"messages"`
	Events       int64             `json:"events"`
	Random       uint32            `json:"random"`
	Why          string            `json:"why,omitempty"`
	ApprovedBy   []string          `json:"approved_by,omitempty"`
	Started      time.Time         `json:"started,omitzero"`
	Ended        time.Time         `json:"ended"`
}

func (e *encoder) eventCompleted(dst []byte, c *journal.Completed) (kafka.Message, []byte, error) {
	end := c.Outcome.Ended
	if end.IsZero() { // void: nothing began, so nothing ended
		end = c.Attempt.At
	}
	onDoubt := ""
	if c.Outcome.Class == journal.ClassDoubt && c.Attempt.OnDoubt != 0 {
		onDoubt = c.Attempt.OnDoubt.String()
	}
	data, err := json.Marshal(completedData{
		PushID: c.Attempt.ID, Attempt: c.Attempt.Number, Lane: c.Attempt.Lane, TaskID: c.Outcome.TaskID,
		Class: c.Outcome.Class, Code: c.Outcome.Code, Text: c.Outcome.Info, OnDoubt: onDoubt, Counted: c.Outcome.Counted,
		Rules: c.Attempt.Rules(), RulesVersion: c.Attempt.RulesVersion, Condition: c.Attempt.Condition,
		Messages: len(c.Attempt.Messages), Events: c.Attempt.Events(), Random: c.Attempt.Random, Why: c.Attempt.Why, ApprovedBy: journal.Authors(c.Attempt.Approvals),
		Started: c.Outcome.Started.UTC(), Ended: end.UTC(),
	})
	if err != nil {
		return kafka.Message{}, dst, fmt.Errorf("encode outcome of %s.%d: %w", c.Attempt.ID, c.Attempt.Number, err)
	}
	a := attributes{
		kind: &e.completed, app: c.Attempt.App, id: fmt.Appendf(nil, "%s.%d", c.Attempt.ID, c.Attempt.Number),
		subject: c.Attempt.ID, at: end,
	}
	m, dst := e.event(dst, a, func(dst []byte) []byte { return append(dst, data...) })
	m.Key = []byte(c.Attempt.ID)
	return m, dst, nil
}
