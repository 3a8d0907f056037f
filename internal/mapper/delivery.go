package mapper

import (
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
	lane, pool  string           // a pool is one of the lane's
	active      *intent.Calendar // nil: always
	frequency   intent.Frequency
}

// builtin returns the values for a file without `defaults`.
func builtin() defaults {
	return defaults{priority: intent.Normal, maxDelay: 30 * time.Minute, expireAfter: 24 * time.Hour}
}

// deliverySpec is `delivery`, `coalesce`, `suppresses` and `approve`, compiled.
type deliverySpec struct {
	policy      intent.Policy // all but Expires, Key and a clock's Gate
	expireAt    *template     // nil: not written
	expireAfter time.Duration
	key         *template // always with intent.Latest; nil where there is none
	clock       *clock    // nil: no `at`
}

var (
	defaultsKeys = keys{
		known: []string{"sender", "priority", "max_delay", "expire_after", "lane", "pool", "active", "frequency"},
		later: []string{"owner", "on_doubt"},
	}
	priorityWords = choice[intent.Priority]{"priority", intent.Priorities[:]}
	onDoubtWords  = choice[intent.OnDoubt]{"on_doubt", []intent.OnDoubt{intent.Resend, intent.Drop}}
	deliveryKeys  = keys{known: []string{"priority", "max_delay", "expire_after", "expire_at", "on_doubt", "lane", "pool", "active", "frequency"}}
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
	l.share(n, field, d)
	if d.maxDelay > d.expireAfter {
		l.tooLate(n, field, *d)
	}
}

// timing reads the three keys that defaults and delivery have in common.
func (l *loader) timing(n *node, field string, d *defaults) {
	if v := n.get("priority"); v != nil {
		if p, ok := priorityWords.read(l, v, join(field, "priority")); ok {
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
			l.refuse(v, join(field, "expire_after"), "0 would expire every event unsent", "say how long an event is worth a push, like 24h")
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

// share reads the keys of defaults and delivery that say whose calls are used,
// and what holds an event back.
func (l *loader) share(n *node, field string, d *defaults) {
	if v := n.get("lane"); v != nil {
		if lane, ok := l.knownLane(v, join(field, "lane")); ok && lane != d.lane {
			d.lane, d.pool = lane, "" // pools of another lane are other pools
		}
	}
	if v := n.get("pool"); v != nil {
		d.pool, _ = l.knownPool(v, join(field, "pool"), d.lane)
	}
	if v := n.get("active"); v != nil {
		d.active = l.active(v, join(field, "active"))
	}
	if v := n.get("frequency"); v != nil {
		d.frequency = l.frequency(v, join(field, "frequency"))
	}
}

// delivery compiles `delivery`, `coalesce`, `suppresses` and `approve` of the rule n.
func (l *loader) delivery(n *node, field string, base defaults) deliverySpec {
	var d deliverySpec
	own, onDoubt := base, intent.OnDoubt(0)
	said := n.get("delivery")
	if said != nil && l.fields(said, join(field, "delivery"), deliveryKeys) == nil {
		said = nil
	}
	if said != nil {
		at := join(field, "delivery")
		before := l.refused
		l.timing(said, at, &own)
		if e := said.get("expire_at"); e != nil {
			d.expireAt = l.expireAt(e, join(at, "expire_at"))
		}
		changed := own.maxDelay != base.maxDelay || own.expireAfter != base.expireAfter
		if l.refused == before && d.expireAt == nil && own.maxDelay > own.expireAfter && changed {
			l.tooLate(said, at, own)
		}
		l.share(said, at, &own)
		if e := said.get("on_doubt"); e != nil {
			onDoubt, _ = onDoubtWords.read(l, e, join(at, "on_doubt"))
		}
		if a := said.get("active"); a != nil && own.priority == intent.Critical {
			l.refuse(a, join(at, "active"), "critical ignores active", "take it out, or make the rule high")
		}
	}
	if onDoubt == 0 {
		if onDoubt = intent.Drop; own.priority == intent.Critical {
			onDoubt = intent.Resend
		}
	}
	gate := intent.Gate{Pool: own.pool, Active: own.active, Frequency: own.frequency}
	if own.priority == intent.Critical {
		// What is meant for the many does not hold an alert; its own frequency may.
		gate.Active = nil
		if said == nil || said.get("frequency") == nil {
			gate.Frequency = intent.Frequency{}
		}
	}
	d.expireAfter = own.expireAfter
	d.policy = intent.Policy{Lane: own.lane, Priority: own.priority, MaxDelay: own.maxDelay, Mode: intent.Merge, OnDoubt: onDoubt}
	if v := n.get("coalesce"); v != nil {
		l.coalesce(v, join(field, "coalesce"), &d)
	}
	if v := n.get("suppresses"); v != nil {
		d.policy.Suppresses = l.suppresses(v, join(field, "suppresses"), own.lane, own.pool)
	}
	if v := n.get("approve"); v != nil {
		d.policy.Approve = l.approve(v, join(field, "approve"), own.priority)
	}
	if d.clock != nil {
		d.clock.held = gate
		if own.priority == intent.Critical {
			l.refuse(n.get("coalesce").get("at"), join(field, "coalesce.at"), "critical does not wait for a clock", "take it out, or make the rule high")
		}
	} else {
		d.policy.Gate = l.gates.one(gate)
	}
	l.checkHeld(n, field, &d)
	return d
}

// checkHeld warns of events that expire while something holds them. What an
// event says of its own expiry cannot be known here.
func (l *loader) checkHeld(n *node, field string, d *deliverySpec) {
	if d.expireAt != nil {
		return
	}
	place := n.get("name")
	if said := n.get("delivery"); said != nil {
		for _, key := range []string{"active", "expire_after"} {
			if v := said.get(key); v != nil {
				place = v
			}
		}
	}
	if d.clock != nil && d.expireAfter < 24*time.Hour {
		l.warn(place, join(field, "delivery.expire_after"), fmt.Sprintf("%v, and an event may wait a day for the digest's time", d.expireAfter), "what comes early expires: make it 24h or more")
	}
	var active *intent.Calendar
	switch {
	case d.clock != nil:
		active = d.clock.held.Active
	case d.policy.Gate != nil:
		active = d.policy.Gate.Active
	}
	for _, u := range l.intervals.unions {
		if u.calendar == active && d.expireAfter <= u.gap {
			l.warn(place, join(field, "delivery.expire_after"), fmt.Sprintf("%v, and %s is closed for up to %v", d.expireAfter, u.calendar.Name(), u.gap),
				"what comes after its end expires: make it longer than that")
		}
	}
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

// build returns the event's policy. On an error it names the field. The expiry
// may be in the past: then the event is recorded as expired, as it should be.
func (d *deliverySpec) build(s *scope) (intent.Policy, string, error) {
	p := d.policy
	if d.key != nil {
		var err error
		if p.Key, err = d.renderKey(s); err != nil {
			return p, "coalesce.key", err
		}
	}
	if d.clock != nil {
		p.Gate = d.clock.gate(s.origin.Received)
	}
	if s.ignoresExpiry() {
		p.Expires = s.origin.Received.Add(d.expireAfter)
		return p, "", nil
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
