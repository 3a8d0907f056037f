package mapper

import (
	"errors"
	"fmt"
	"time"

	"pushbridge/internal/intent"
)

// defaults is what a rule inherits where it does not say otherwise.
type defaults struct {
	sender      *template // nil: the calling account
	priority    intent.Priority
	maxDelay    time.Duration
	expireAfter time.Duration
}

// builtin returns the values for a file without `defaults`.
func builtin() defaults {
	return defaults{priority: intent.Normal, maxDelay: 30 * time.Minute, expireAfter: 24 * time.Hour}
}

// deliverySpec is `delivery` and `coalesce`, compiled.
type deliverySpec struct {
	policy      intent.Policy // all but Expires and Key
	expireAt    *template     // nil: not written
	expireAfter time.Duration
	key         *template // exactly with intent.Latest
}

var (
	defaultsKeys = keys{
		known: []string{"sender", "priority", "max_delay", "expire_after"},
		later: []string{"owner", "pool", "active", "on_doubt"},
	}
	deliveryKeys = keys{
		known: []string{"priority", "max_delay", "expire_after", "expire_at", "on_doubt"},
		later: []string{"pool", "active"},
	}
	coalesceKeys = keys{
		known: []string{"mode", "key"},
		later: []string{"at", "location", "max_messages", "overflow"},
	}
)

// defaults compiles the file's defaults over d.
func (l *loader) defaults(n *node, d *defaults) {
	const field = "defaults"
	if l.fields(n, field, defaultsKeys) == nil {
		return
	}
	if v := n.get("sender"); v != nil {
		d.sender = l.sender(v, field+".sender")
	}
	l.timing(n, field, d)
	if d.maxDelay > d.expireAfter {
		l.tooLate(n, field, *d)
	}
}

// timing reads the three keys that defaults and delivery have in common.
func (l *loader) timing(n *node, field string, d *defaults) {
	if v := n.get("priority"); v != nil {
		if s, ok := l.text(v, join(field, "priority")); ok {
			p, err := intent.ParsePriority(s)
			if err != nil {
				l.refuse(v, join(field, "priority"), fmt.Sprintf("%q: want critical, high, normal or low", s), "")
			}
			d.priority = p
		}
	}
	if v := n.get("max_delay"); v != nil {
		if t, ok := l.duration(v, join(field, "max_delay")); ok {
			d.maxDelay = t
		}
	}
	if v := n.get("expire_after"); v != nil {
		t, ok := l.duration(v, join(field, "expire_after"))
		if ok && t == 0 {
			l.refuse(v, join(field, "expire_after"), "0 would expire every event unsent", "")
		}
		if ok {
			d.expireAfter = t
		}
	}
}

func (l *loader) tooLate(n *node, field string, d defaults) {
	place := n.get("max_delay")
	if place == nil {
		place = n.get("expire_after")
	}
	if place == nil {
		place = n
	}
	l.refuse(place, join(field, "max_delay"), fmt.Sprintf("%v is after expire_after %v", d.maxDelay, d.expireAfter),
		"an event would expire while it may still wait: make max_delay the shorter")
}

// delivery compiles `delivery` and `coalesce` of the rule n.
func (l *loader) delivery(n *node, field string, base defaults) deliverySpec {
	var d deliverySpec
	var onDoubt intent.OnDoubt
	if v := n.get("delivery"); v != nil {
		at := join(field, "delivery")
		if l.fields(v, at, deliveryKeys) != nil {
			before := l.refused
			own := base
			l.timing(v, at, &own)
			if e := v.get("expire_at"); e != nil {
				d.expireAt = l.expireAt(e, join(at, "expire_at"))
			}
			if l.refused == before && d.expireAt == nil && own.maxDelay > own.expireAfter && own != base {
				l.tooLate(v, at, own)
			}
			base = own
			if e := v.get("on_doubt"); e != nil {
				onDoubt = l.onDoubt(e, join(at, "on_doubt"))
			}
		}
	}
	if onDoubt == 0 {
		if onDoubt = intent.Drop; base.priority == intent.Critical {
			onDoubt = intent.Resend
		}
	}
	d.expireAfter = base.expireAfter
	d.policy = intent.Policy{Priority: base.priority, MaxDelay: base.maxDelay, Mode: intent.Merge, OnDoubt: onDoubt}
	if v := n.get("coalesce"); v != nil {
		l.coalesce(v, join(field, "coalesce"), &d)
	}
	return d
}

func (l *loader) onDoubt(n *node, field string) intent.OnDoubt {
	s, ok := l.text(n, field)
	for _, d := range []intent.OnDoubt{intent.Resend, intent.Drop} {
		if ok && d.String() == s {
			return d
		}
	}
	if ok {
		l.refuse(n, field, fmt.Sprintf("%q: want resend or drop", s), "")
	}
	return 0
}

func (l *loader) expireAt(n *node, field string) *template {
	t := l.template(n, field)
	if t == nil {
		return nil
	}
	if text, ok := t.literal(); ok {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			l.refuse(n, field, fmt.Sprintf("%q is no time", text), "write it like 2026-03-01T20:00:00+08:00, or ${…}")
		}
	}
	return t
}

func (l *loader) coalesce(n *node, field string, d *deliverySpec) {
	if l.fields(n, field, coalesceKeys) == nil {
		return
	}
	mode, key := n.get("mode"), n.get("key")
	if mode == nil {
		l.refuse(n, join(field, "mode"), "it is missing", "write merge, latest or none")
		return
	}
	s, ok := l.text(mode, join(field, "mode"))
	if !ok {
		return
	}
	switch s {
	case intent.Merge.String(), intent.Alone.String():
		if s == intent.Alone.String() {
			d.policy.Mode = intent.Alone
		}
		if key != nil {
			l.refuse(key, join(field, "key"), "only mode latest compares keys", "take it out, or write mode: latest")
		}
	case intent.Latest.String():
		d.policy.Mode = intent.Latest
		if key == nil {
			l.refuse(n, join(field, "key"), "it is missing", "say which events are revisions of one thing: key: \"${data.id}\"")
			return
		}
		d.key = l.template(key, join(field, "key"))
		if d.key != nil && len(d.key.parts) == 0 {
			l.refuse(key, join(field, "key"), "it is empty", "")
		}
	case "digest":
		l.refuse(mode, join(field, "mode"), "digest is not in this version", "write merge, latest or none")
	default:
		l.refuse(mode, join(field, "mode"), fmt.Sprintf("%q: want merge, latest or none", s), "")
	}
}

// build returns the event's policy. On an error it names the field. The expiry
// may be in the past: then the event is recorded as expired, as it should be.
func (d *deliverySpec) build(s *scope) (intent.Policy, string, error) {
	p := d.policy
	if d.key != nil {
		key, err := d.key.render(s)
		if err == nil && key == "" {
			err = errors.New("it renders empty: all events would be revisions of one thing")
		}
		if err != nil {
			return p, "coalesce.key", err
		}
		p.Key = key
	}
	if d.expireAt != nil {
		text, err := d.expireAt.render(s)
		if err != nil {
			return p, "delivery.expire_at", err
		}
		p.Expires, err = instant(text)
		return p, "delivery.expire_at", err
	}
	if text, ok := s.attribute("expirytime"); ok {
		var err error
		p.Expires, err = instant(text)
		return p, "event.expirytime", err
	}
	p.Expires = s.origin.Received.Add(d.expireAfter)
	return p, "", nil
}

func instant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, &valueError{value: shorten(text), why: "want a time like 2026-03-01T20:00:00+08:00", err: err}
	}
	return t, nil
}
