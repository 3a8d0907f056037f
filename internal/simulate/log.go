package simulate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
)

// stampFormat is RFC 3339 in UTC, to the millisecond.
const stampFormat = "2006-01-02T15:04:05.000Z"

// callLine is a call in the log.
type callLine struct {
	Kind       string          `json:"kind"` // push
	SentAt     string          `json:"sent_at"`
	ResponseAt string          `json:"response_at"`
	Outcome    string          `json:"outcome"`
	Condition  json.RawMessage `json:"condition,omitempty"` // as on the wire: none is everyone
	MsgBody    json.RawMessage `json:"msg_body"`
	Covers     []coverLine     `json:"covers"`
	Why        string          `json:"why"`
	Rule       string          `json:"rule"` // the rules of what it covers, separated by commas
	Lane       string          `json:"lane,omitempty"`
}

// coverLine is an event that a call carries.
type coverLine struct {
	Event string          `json:"event"`          // source#id
	Part  json.RawMessage `json:"part,omitempty"` // of an audience that is spread over calls
}

// endLine is an event's end without a call.
type endLine struct {
	Kind        string `json:"kind"` // disposition
	Event       string `json:"event,omitempty"`
	Line        int64  `json:"line,omitempty"` // of what is no event
	Disposition string `json:"disposition"`
	By          string `json:"by,omitempty"`
	Rule        string `json:"rule,omitempty"`
	Reason      string `json:"reason,omitempty"`
	At          string `json:"at,omitempty"` // unknown before the first event
}

// log writes one JSON object a line. Without a writer it writes nothing.
type log struct {
	out *bufio.Writer
	enc *json.Encoder
}

func newLog(w io.Writer) log {
	if w == nil {
		return log{}
	}
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return log{out: out, enc: enc}
}

func (l *log) flush() error {
	if l.out == nil {
		return nil
	}
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

func (l *log) line(v any) error {
	if l.enc == nil {
		return nil
	}
	if err := l.enc.Encode(v); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// call writes a call, with what the API would be told. The request is made even
// if nobody logs it: one that cannot be said is a fault of the scheduler's.
func (l *log) call(c *Call, maxBytes int) error {
	b := c.Batch
	wire, err := pushapi.Request{Random: 1<<32 - 1, Audience: b.Audience, Messages: b.Messages}.Encode()
	if err != nil {
		return fmt.Errorf("call of %s: %w", stamp(c.Sent), err)
	}
	if maxBytes > 0 && len(wire) > maxBytes {
		return fmt.Errorf("call of %s: %d bytes, allowed %d: %w", stamp(c.Sent), len(wire), maxBytes, pushapi.ErrTooLarge)
	}
	if l.enc == nil {
		return nil
	}
	var said struct{ Condition, MsgBody json.RawMessage }
	if err := json.Unmarshal(wire, &said); err != nil {
		return fmt.Errorf("call of %s: %w", stamp(c.Sent), err)
	}
	covers, err := coverLines(b)
	if err != nil {
		return fmt.Errorf("call of %s: %w", stamp(c.Sent), err)
	}
	return l.line(callLine{
		Kind: "push", SentAt: stamp(c.Sent), ResponseAt: stamp(c.Ends), Outcome: "ok",
		Condition: said.Condition, MsgBody: said.MsgBody, Covers: covers,
		Why: b.Why.String(), Rule: rulesOf(b), Lane: c.Lane,
	})
}

func coverLines(b *limiter.Batch) ([]coverLine, error) {
	covers := make([]coverLine, len(b.Covers))
	for i, c := range b.Covers {
		covers[i].Event = nameOf(&c.Intent.Origin)
		if len(c.Intent.Audiences) > 1 {
			part, err := c.Audience.MarshalJSON()
			if err != nil {
				return nil, err
			}
			covers[i].Part = part
		}
	}
	return covers, nil
}

func rulesOf(b *limiter.Batch) string {
	var rules []string
	for _, c := range b.Covers {
		if !slices.Contains(rules, c.Intent.Rule) {
			rules = append(rules, c.Intent.Rule)
		}
	}
	slices.Sort(rules)
	return strings.Join(rules, ",")
}

// ended writes an intent's end, unless a call tells it.
func (l *log) ended(e *limiter.Ended, now time.Time) error {
	if l.enc == nil {
		return nil // before the texts are made: most of a storm's events end here
	}
	line := endLine{Kind: "disposition", Event: nameOf(&e.Intent.Origin), Rule: e.Intent.Rule, At: stamp(now)}
	switch e.Kind {
	case limiter.EndPushed, limiter.EndRejected:
		return nil
	case limiter.EndExpired:
		line.Disposition = "expired"
	case limiter.EndSuperseded:
		line.Disposition, line.By = "superseded", nameOf(e.By)
	case limiter.EndDuplicate:
		line.Disposition = "duplicate"
	}
	return l.line(line)
}

func (l *log) unmatched(o *intent.Origin, why string, now time.Time) error {
	return l.line(endLine{Kind: "disposition", Event: nameOf(o), Disposition: "unmatched", Reason: why, At: stamp(now)})
}

// deadLetter writes what a rule failed on or, without an origin, what is no event.
func (l *log) deadLetter(line int64, o *intent.Origin, cause error, now time.Time) error {
	end := endLine{Kind: "disposition", Disposition: "dead-lettered", Reason: cause.Error()}
	if failed, ok := errors.AsType[*mapper.RuleError](cause); ok {
		end.Rule = failed.Rule
	}
	if !now.IsZero() {
		end.At = stamp(now)
	}
	if o == nil {
		end.Line = line
	} else {
		end.Event = nameOf(o)
	}
	return l.line(end)
}

func nameOf(o *intent.Origin) string { return o.Source + "#" + o.ID }

// stamp never says that something was done before it was.
func stamp(t time.Time) string { return wholeMillisecond(t).UTC().Format(stampFormat) }

// told is the call in whole milliseconds, between which lies what lay between the
// instants: a call is no earlier than it was, an answer no later.
func (c *Call) told() Call {
	shown := *c
	shown.Sent, shown.Ends = wholeMillisecond(c.Sent), c.Ends.Truncate(time.Millisecond)
	return shown
}

// wholeMillisecond is the first whole millisecond from t on.
func wholeMillisecond(t time.Time) time.Time { return whole(t, time.Millisecond) }

// whole is the first multiple of the grain from t on.
func whole(t time.Time, grain time.Duration) time.Time {
	u := t.Truncate(grain)
	if u.Before(t) {
		u = u.Add(grain)
	}
	return u
}
