package mapper

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"pushbridge/internal/intent"
)

var (
	coalesceKeys  = keys{known: []string{"mode", "key", "scope", "max_messages", "overflow", "at", "location"}}
	modeWords     = choice[intent.Mode]{"mode", []intent.Mode{intent.Merge, intent.Latest, intent.Digest, intent.Alone}}
	overflowWords = choice[intent.Overflow]{"overflow", []intent.Overflow{intent.Next, intent.Newest}}
)

// modeKeys are the keys of `coalesce` that have a meaning in some modes only.
var modeKeys = []struct {
	name  string
	modes []intent.Mode
}{
	{"key", []intent.Mode{intent.Latest, intent.Digest}},
	{"scope", []intent.Mode{intent.Latest}},
	{"max_messages", []intent.Mode{intent.Digest}},
	{"overflow", []intent.Mode{intent.Digest}},
	{"at", []intent.Mode{intent.Digest}},
	{"location", []intent.Mode{intent.Digest}},
}

// The messages that one digest holds where the rule does not say, and the most
// that it may say: nobody reads more, and a request is full at about as many.
const (
	defaultMessages = 5
	maxMessages     = 20
)

// isDigest says whether the rule n asks for mode digest.
func isDigest(n *node) bool {
	c := n.get("coalesce")
	if c == nil || c.kind != mapNode {
		return false
	}
	mode := c.get("mode")
	return mode != nil && mode.kind == textNode && mode.text == intent.Digest.String()
}

// coalesce compiles `coalesce`.
func (l *loader) coalesce(n *node, field string, d *deliverySpec) {
	if l.fields(n, field, coalesceKeys) == nil {
		return
	}
	v := n.get("mode")
	if v == nil {
		l.refuse(n, join(field, "mode"), "it is missing", "write merge, latest, digest or none")
		return
	}
	mode, ok := modeWords.read(l, v, join(field, "mode"))
	if !ok {
		return
	}
	d.policy.Mode = mode
	for _, k := range modeKeys {
		if v := n.get(k.name); v != nil && !slices.Contains(k.modes, d.policy.Mode) {
			var of []string
			for _, m := range k.modes {
				of = append(of, m.String())
			}
			l.refuse(v, join(field, k.name), "it has a meaning in mode "+strings.Join(of, " and ")+" only", "take it out, or write mode: "+of[0])
		}
	}
	switch d.policy.Mode {
	case intent.Latest:
		l.latest(n, field, d)
	case intent.Digest:
		l.digest(n, field, d)
	case intent.Merge, intent.Alone:
	}
}

func (l *loader) latest(n *node, field string, d *deliverySpec) {
	d.policy.Scope = l.rule
	if v := n.get("scope"); v != nil {
		if s, ok := l.name(v, join(field, "scope")); ok {
			d.policy.Scope = s
		}
	}
	v := n.get("key")
	if v == nil {
		l.refuse(n, join(field, "key"), "it is missing", "say which events are revisions of one thing: key: \"${data.id}\"")
		return
	}
	l.key(v, join(field, "key"), d)
}

func (l *loader) key(n *node, field string, d *deliverySpec) {
	d.key = l.template(n, field)
	if d.key != nil && len(d.key.parts) == 0 {
		l.refuse(n, field, "it is empty, so all events would have one key", "write what tells them apart, like ${data.id}, or take it out")
	}
}

func (l *loader) digest(n *node, field string, d *deliverySpec) {
	d.policy.Scope, d.policy.MaxMessages, d.policy.Overflow = l.rule, defaultMessages, intent.Next
	if v := n.get("key"); v != nil {
		l.key(v, join(field, "key"), d)
	}
	if v := n.get("max_messages"); v != nil {
		if count, ok := l.whole(v, join(field, "max_messages"), 1, maxMessages); ok {
			d.policy.MaxMessages = count
		}
	}
	if v := n.get("overflow"); v != nil {
		d.policy.Overflow = l.overflow(v, join(field, "overflow"))
	}
	at, where := n.get("at"), n.get("location")
	if at != nil {
		if minutes, ok := l.minutes(at, join(field, "at"), false); ok {
			d.clock = &clock{hour: minutes / 60, minute: minutes % 60, location: l.zones["UTC"], gates: l.gates}
		}
	}
	if where != nil {
		zone := l.zone(where, join(field, "location"))
		switch {
		case at == nil:
			l.refuse(where, join(field, "location"), "only a clock time has a zone", `take it out, or write at: "18:00"`)
		case d.clock != nil && zone != nil:
			d.clock.location = zone
		}
	}
}

func (l *loader) overflow(n *node, field string) intent.Overflow {
	if n.kind == textNode && n.text == "fail" {
		l.refuse(n, field, "fail is not in this version", "write next or newest")
		return intent.Next
	}
	if o, ok := overflowWords.read(l, n, field); ok {
		return o
	}
	return intent.Next
}

// renderKey returns the event's key.
func (d *deliverySpec) renderKey(s *scope) (string, error) {
	key, err := d.key.render(s)
	if err == nil && key == "" && d.policy.Mode == intent.Latest {
		err = errors.New("it renders empty: all events would be revisions of one thing")
	}
	return key, err
}

// checkScopes looks at the rules that compare their keys together.
func (l *loader) checkScopes(rules []*rule, places []*node) {
	for i, r := range rules {
		if r.delivery.policy.Mode != intent.Latest {
			continue
		}
		l.rule = r.name
		written := places[i].get("coalesce").get("scope")
		shared := false
		for k, other := range rules {
			p := other.delivery.policy
			switch {
			case k == i:
			case written != nil && other.name == r.delivery.policy.Scope && p.Mode != intent.Latest:
				l.refuse(written, "coalesce.scope", fmt.Sprintf("rule %q has this name and is not of mode latest", other.name), "choose another name, or make it latest")
				shared = true
			case p.Mode == intent.Latest && p.Scope == r.delivery.policy.Scope:
				shared = true
				if k < i && other.goOn && r.takesAllOf(other) {
					l.warn(places[i].get("name"), "continue", fmt.Sprintf("every event that rule %q takes comes here too, with a key of the same scope", other.name),
						"take continue out there, or give this rule its own scope")
				}
			}
		}
		if written != nil && !shared && written.text == r.delivery.policy.Scope && written.text != r.name {
			l.warn(written, "coalesce.scope", "no other rule has this scope", "take it out, or write it in the rules that carry later revisions")
		}
	}
}
