package ruletest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/simulate"
)

func whyWords(b *limiter.Batch) string {
	switch b.Why {
	case limiter.WhyDeadline:
		return "deadline: the max_delay of one of its events was near"
	case limiter.WhyCritical:
		return "critical: it goes after the time that a burst may settle"
	case limiter.WhyOpened:
		return "window opened: its hours have opened"
	case limiter.WhyDigest:
		return "digest time"
	case limiter.WhyPrice:
		return "price: it had lost as much by waiting as a call costs"
	case limiter.WhyResend, limiter.WhyFull:
	}
	return b.Why.String()
}

// apart says why two calls were not one, "" where that is not plain. The second
// was sent later.
func (t *test) apart(first, second *simulate.Call) string {
	a, b := first.Batch.Covers[0].Intent, second.Batch.Covers[0].Intent
	came := second.Batch.Covers[0].Intent.Origin.Received
	for _, c := range second.Batch.Covers {
		if c.Intent.Origin.Received.Before(came) {
			came = c.Intent.Origin.Received
		}
	}
	digest := a.Policy.Mode == intent.Digest && b.Policy.Mode == intent.Digest
	switch {
	case first.Lane != second.Lane:
		return fmt.Sprintf("lanes %s and %s are two apps", laneName(first.Lane), laneName(second.Lane))
	case came.After(first.Sent):
		return fmt.Sprintf("its first event came at %s, when that call had gone", span(came.Sub(t.start)))
	case a.Policy.Mode == intent.Alone || b.Policy.Mode == intent.Alone:
		return "mode none: a call of its own"
	case !bytes.Equal(a.Message.Body(), b.Message.Body()) && !digest:
		return fmt.Sprintf("the messages differ: %s and %s", messageFact([]intent.Message{a.Message}).yaml, messageFact([]intent.Message{b.Message}).yaml)
	case a.Message.EnvelopeKey() != b.Message.EnvelopeKey():
		return fmt.Sprintf("sender, offline or another part of the request differs: %s and %s", a.Message.Envelope(), b.Message.Envelope())
	case a.Policy.OnDoubt != b.Policy.OnDoubt:
		return fmt.Sprintf("on_doubt differs: %s and %s", a.Policy.OnDoubt, b.Policy.OnDoubt)
	case a.Policy.Mode != b.Policy.Mode && (a.Policy.Mode == intent.Digest || b.Policy.Mode == intent.Digest):
		return fmt.Sprintf("coalesce.mode differs: %s and %s", a.Policy.Mode, b.Policy.Mode)
	case digest && a.Policy.Key != b.Policy.Key:
		return fmt.Sprintf("the digests' keys differ: %q and %q", a.Policy.Key, b.Policy.Key)
	case a.Policy.Gate != b.Policy.Gate:
		return "what may hold them back differs: pool, active, frequency or a digest's time"
	}
	if _, ok := first.Batch.Audience.Union(second.Batch.Audience); !ok || digest {
		return fmt.Sprintf("no one condition says exactly %v and %v", first.Batch.Audience, second.Batch.Audience)
	}
	return ""
}

// waitedFor says in the scheduler's words what a batch waited for at an instant.
func (p *played) waitedFor(id uint64, lane string, at time.Time) string {
	for _, l := range p.looks {
		if l.Lane != lane || !l.At.Equal(at) {
			continue
		}
		for _, w := range l.Waiting {
			if w.ID != id {
				continue
			}
			text := fmt.Sprintf("at %s it waited for %s", span(at.Sub(p.start)), w.For)
			if !w.Until.IsZero() {
				text += ", until " + span(w.Until.Sub(p.start).Round(time.Second)) + " at the latest"
			}
			return text
		}
	}
	return ""
}

// fate says in a few words how an event ended.
func (t *test) fate(p *played, line int64) []string {
	var all []string
	for _, e := range p.ends {
		if e.Line != line {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "event %s ended %s", t.shortName(t.events[line-1].fullName()), e.Disposition)
		if e.Rule != "" {
			b.WriteString(" under " + e.Rule)
		}
		switch {
		case !e.Sent.IsZero():
			fmt.Fprintf(&b, ", in the call at %s", span(e.Sent.Sub(t.start)))
		case e.Disposition == "unmatched" || e.Disposition == "dead-lettered":
		default:
			fmt.Fprintf(&b, " at %s", span(e.At.Sub(t.start)))
		}
		if e.By > 0 {
			b.WriteString(" by event " + t.shortName(t.events[e.By-1].fullName()))
		}
		if e.Reason != "" {
			b.WriteString(": " + e.Reason)
		}
		all = append(all, b.String())
	}
	return all
}
