package main

import (
	"fmt"
	"strings"
	"time"

	"pushbridge/internal/intent"
)

// deliveryJSON is when an intent may go, how hard it is tried and what may hold
// it back.
type deliveryJSON struct {
	Lane     string    `json:"lane,omitempty"` // absent: the default lane
	Priority string    `json:"priority"`
	PushBy   time.Time `json:"push_by"`
	Expires  time.Time `json:"expires"`

	Mode        string `json:"mode"`
	Key         string `json:"key,omitempty"`
	Scope       string `json:"scope,omitempty"`        // of latest; absent: this rule alone
	MaxMessages int    `json:"max_messages,omitempty"` // of digest, like overflow
	Overflow    string `json:"overflow,omitempty"`

	Pool       string           `json:"pool,omitempty"`
	Active     *activeJSON      `json:"active,omitempty"`
	Frequency  *frequencyJSON   `json:"frequency,omitempty"`
	NotBefore  *time.Time       `json:"not_before,omitempty"`
	Suppresses *suppressionJSON `json:"suppresses,omitempty"`
	OnDoubt    string           `json:"on_doubt"`
}

// activeJSON is the time intervals of the rule, seen from the event's arrival.
type activeJSON struct {
	Name string `json:"name"`
	Open bool   `json:"open"`
	// Opens is when it is released; absent where it is open, or never opens again.
	Opens *time.Time `json:"opens,omitempty"`
}

type frequencyJSON struct {
	AtMost int    `json:"at_most"`
	Per    string `json:"per"`
}

type suppressionJSON struct {
	Pool string `json:"pool"`
	For  string `json:"for"`
}

func deliveryOf(in intent.Intent) *deliveryJSON {
	p := in.Policy
	d := &deliveryJSON{
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
		d.Suppresses = &suppressionJSON{Pool: s.Pool, For: s.For.String()}
	}
	g := p.Gate
	if g == nil {
		return d
	}
	d.Pool = g.Pool
	if g.Frequency != (intent.Frequency{}) {
		d.Frequency = &frequencyJSON{AtMost: g.Frequency.Calls, Per: g.Frequency.Per.String()}
	}
	from := in.Origin.Received
	if !g.NotBefore.IsZero() {
		from = g.NotBefore.In(from.Location())
		d.NotBefore = &from
	}
	if c := g.Active; c != nil {
		d.Active = &activeJSON{Name: c.Name(), Open: c.Open(from)}
		if opens := c.Next(from); !d.Active.Open && !opens.IsZero() {
			d.Active.Opens = &opens
		}
	}
	return d
}

// late says of a release that it comes too late.
func (d *deliveryJSON) late(release time.Time) string {
	if release.Before(d.Expires) {
		return ""
	}
	return ", when it has expired"
}

// print writes what follows the deadlines, for people.
func (d *deliveryJSON) print(b *strings.Builder) {
	coalesce := d.Mode
	if d.Key != "" {
		coalesce += " by " + d.Key
	}
	if d.Scope != "" {
		coalesce += " in scope " + d.Scope
	}
	if d.MaxMessages > 0 {
		coalesce += fmt.Sprintf(", %s a call, overflow %s", count(d.MaxMessages, "message"), d.Overflow)
	}
	fmt.Fprintf(b, "    coalesce  %s\n", coalesce)
	if d.Lane != "" {
		fmt.Fprintf(b, "    lane      %s\n", d.Lane)
	}
	if d.Pool != "" {
		fmt.Fprintf(b, "    pool      %s\n", d.Pool)
	}
	if d.NotBefore != nil {
		fmt.Fprintf(b, "    held      until %s%s\n", d.NotBefore.Format(time.RFC3339), d.late(*d.NotBefore))
	}
	if a := d.Active; a != nil {
		state := "open"
		switch {
		case a.Opens != nil:
			state = "held until " + a.Opens.Format(time.RFC3339) + d.late(*a.Opens)
		case !a.Open:
			state = "held, it does not open again"
		}
		fmt.Fprintf(b, "    active    %s: %s\n", a.Name, state)
	}
	if f := d.Frequency; f != nil {
		fmt.Fprintf(b, "    frequency at most %d per %s to a user\n", f.AtMost, f.Per)
	}
	if s := d.Suppresses; s != nil {
		fmt.Fprintf(b, "    holds     pool %s, until %s after its push\n", s.Pool, s.For)
	}
	fmt.Fprintf(b, "    on doubt  %s\n", d.OnDoubt)
}
