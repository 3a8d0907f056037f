package replay

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// The extensions of an event that comes again.
const (
	AttrID       = "replayid"
	AttrOf       = "replayof"
	AttrPriority = "replaypriority"
	AttrExpiry   = "replayexpiry"
	AttrNot      = "replaynot"

	// ExpiryIgnored is the value of AttrExpiry.
	ExpiryIgnored = "ignored"
)

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckID says what is wrong with the name of a replay.
func CheckID(id string) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("replay id %q: want a to z, 0 to 9, and . _ - behind the first, at most 63", id)
	}
	return nil
}

// Mark is what makes an event one that comes again.
type Mark struct {
	ID       string
	Of       offset.Position // of the original
	Priority intent.Priority // the most urgent that it may be; zero: low
	Not      []string        // rules under which it has ended, in order

	// IgnoreExpiry says that the instants at which it was to expire do not count.
	IgnoreExpiry bool
}

// On returns the event with the mark on it. Its data is the event's.
func (m Mark) On(e *event.Event) (event.Event, error) {
	marked := e.Clone()
	set := func(name, value string) error {
		if value == "" {
			return marked.Context.SetExtension(name, nil) // of an earlier replay
		}
		return marked.Context.SetExtension(name, value)
	}
	priority, expiry := "", ""
	if m.Priority > intent.Low {
		priority = m.Priority.String()
	}
	if m.IgnoreExpiry {
		expiry = ExpiryIgnored
	}
	err := errors.Join(set(AttrID, m.ID), set(AttrOf, m.Of.String()), set(AttrPriority, priority),
		set(AttrExpiry, expiry), set(AttrNot, strings.Join(m.Not, ",")))
	if err != nil {
		return event.Event{}, fmt.Errorf("mark %s as replay %s: %w", m.Of, m.ID, err)
	}
	return marked, nil
}

// Read says what an event on the replays' topic is.
func Read(e *event.Event) (Record, error) {
	r := Record{Kind: Again, ID: attribute(e, AttrID), Of: attribute(e, AttrOf)}
	if err := CheckID(r.ID); err != nil {
		return Record{}, fmt.Errorf("%s %q on the topic of replays: only bridge replay writes to it: %w", AttrID, r.ID, err)
	}
	switch e.Type() {
	case TypeBegun:
		r.Kind = Begun
	case TypeCancelled:
		r.Kind = Cancelled
	default:
		if r.Of == "" {
			return Record{}, fmt.Errorf("no %s on the topic of replays: only bridge replay writes to it", AttrOf)
		}
	}
	return r, nil
}

// attribute returns an extension's text, without a copy of all.
func attribute(e *event.Event, name string) string {
	c, isV1 := e.Context.(*event.EventContextV1)
	if !isV1 {
		c = e.Context.AsV1()
	}
	text, err := types.Format(c.Extensions[name])
	if err != nil {
		return ""
	}
	return text
}
