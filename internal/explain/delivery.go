package explain

import (
	"time"

	"pushbridge/internal/intent"
)

// Delivery is when an intent may go, how hard it is tried and what may hold
// it back.
type Delivery struct {
	Lane     string    `json:"lane,omitempty"` // absent: the default lane
	Priority string    `json:"priority"`
	PushBy   time.Time `json:"push_by"`
	Expires  time.Time `json:"expires"`

	Mode        string `json:"mode"`
	Key         string `json:"key,omitempty"`
	Scope       string `json:"scope,omitempty"`        // of latest; absent: this rule alone
	MaxMessages int    `json:"max_messages,omitempty"` // of digest, like overflow
	Overflow    string `json:"overflow,omitempty"`

	Pool       string       `json:"pool,omitempty"`
	Active     *Active      `json:"active,omitempty"`
	Frequency  *Frequency   `json:"frequency,omitempty"`
	NotBefore  *time.Time   `json:"not_before,omitempty"`
	Suppresses *Suppression `json:"suppresses,omitempty"`
	Approve    *Approval    `json:"approve,omitempty"`
	OnDoubt    string       `json:"on_doubt"`
}

// Active is the time intervals of the rule, seen from the event's arrival.
type Active struct {
	Name string `json:"name"`
	Open bool   `json:"open"`
	// Opens is when it is released; absent where it is open, or never opens again.
	Opens *time.Time `json:"opens,omitempty"`
}

// Frequency is how often a user may be reached.
type Frequency struct {
	AtMost int    `json:"at_most"`
	Per    string `json:"per"`
}

// Suppression is whom it holds back, and for how long after its push.
type Suppression struct {
	Pool string `json:"pool"`
	For  string `json:"for"`
}

// Approval is how many people must have approved of the message, and until when. ID is
// what they approve of, as bridge approve names it.
type Approval struct {
	ID    string    `json:"id"`
	By    int       `json:"by"`
	Until time.Time `json:"until"`
}

func deliveryOf(in *intent.Intent) *Delivery {
	p := &in.Policy
	d := &Delivery{
		Lane: p.Lane, Priority: p.Priority.String(), PushBy: in.Origin.Received.Add(p.MaxDelay), Expires: p.Expires,
		Mode: p.Mode.String(), Key: p.Key, OnDoubt: p.OnDoubt.String(),
	}
	switch p.Mode {
	case intent.Latest:
		if p.Scope != in.Rule {
			d.Scope = p.Scope
		}
	case intent.Digest:
		d.MaxMessages, d.Overflow = p.MaxMessages, p.Overflow.String()
	case intent.Merge, intent.Alone:
	}
	if s := p.Suppresses; s != nil {
		d.Suppresses = &Suppression{Pool: s.Pool, For: s.For.String()}
	}
	if a := p.Approve; a != nil {
		d.Approve = &Approval{ID: in.ApprovalID(), By: a.By, Until: in.Origin.Received.Add(a.Within)}
	}
	g := p.Gate
	if g == nil {
		return d
	}
	d.Pool = g.Pool
	if g.Frequency != (intent.Frequency{}) {
		d.Frequency = &Frequency{AtMost: g.Frequency.Calls, Per: g.Frequency.Per.String()}
	}
	from := in.Origin.Received
	if !g.NotBefore.IsZero() {
		from = g.NotBefore.In(from.Location())
		d.NotBefore = &from
	}
	if c := g.Active; c != nil {
		d.Active = &Active{Name: c.Name(), Open: c.Open(from)}
		if opens := c.Next(from); !d.Active.Open && !opens.IsZero() {
			d.Active.Opens = &opens
		}
	}
	return d
}
