package mapper

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// lint looks at a file that compiled for what its author cannot have meant, and
// for what costs more calls than it seems to. It speaks of what is written; what
// an event will say it does not know.
func (l *loader) lint(now time.Time) {
	l.lintUnused()
	l.lintIntervals(now)
	near := newReach(l.compiled)
	for i, r := range l.compiled {
		l.rule = r.name
		n := l.places[i]
		l.lintReach(near, i)
		l.lintMatch(n)
		l.lintAudience(n, r)
		l.lintMessage(n, r)
		l.lintDelivery(n, r)
	}
	l.rule = ""
}

// lintReach finds rules that no event gets to.
func (l *loader) lintReach(near *reach, i int) {
	r, n := l.compiled[i], l.places[i]
	own := near.known.of(r)
	if r.when != nil && newTerm(r.when.root, r.when.info).literal(false) {
		l.warn(n.get("when"), "when", "it is false for every event, so the rule takes none", "take the rule out, or say when it is true")
		return
	}
	if !own.tooMany && len(own.all) == 0 {
		l.warn(n, "", "no event can fit match and filters together", "two of their conditions exclude each other: take one out")
		return
	}
	if by := near.known.takenBy(r, near.before(i)); by != nil {
		l.warn(n.get("name"), "name", "the rule is never asked: "+l.told(by)+" every event that it could take", "move it up, write continue: true there, or take it out")
	}
	if r.goOn && !near.goesOn(i) {
		l.warn(n.get("continue"), "continue", "no later rule could take an event of this one", "take it out")
	}
}

// meets says whether there is a type that both rules could match.
func (r *rule) meets(o *rule) bool {
	return r.types == nil || o.types == nil || slices.ContainsFunc(r.types, o.couldMatch)
}

// told names rules as the subject of a sentence, with their lines.
func (l *loader) told(rules []*rule) string {
	names := make([]string, len(rules))
	for i, r := range rules {
		line := l.places[slices.Index(l.compiled, r)].get("name").line
		names[i] = fmt.Sprintf("%q (line %d)", r.name, line)
	}
	if len(names) == 1 {
		return "rule " + names[0] + " takes"
	}
	return "rules " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " take"
}

// lintMatch finds values that are there twice.
func (l *loader) lintMatch(n *node) {
	match := n.get("match")
	if match == nil {
		return
	}
	for _, p := range match.pairs {
		if list := p.value.get("any_of"); list != nil {
			l.lintTwice(list, join(join("match", p.key.text), "any_of"))
		}
	}
}

func (l *loader) lintTwice(list *node, field string) {
	seen := map[string]bool{}
	for i, item := range list.items {
		if seen[item.text] {
			l.warn(item, index(field, i), fmt.Sprintf("%q is there twice", item.text), "keep one")
		}
		seen[item.text] = true
	}
}

// lintAudience finds what cannot be said in one call.
func (l *loader) lintAudience(n *node, r *rule) {
	kind := r.audience.kind
	v := n.get("audience").get(kind.String())
	field := "audience." + kind.String()
	switch kind {
	case audience.AllTags, audience.AnyTag:
		l.lintTwice(v, field)
		l.lintTags(v, field, r)
	case audience.AnyAttr, audience.AllAttrs:
		l.lintAttributes(v, field, r)
	case audience.Everyone:
		l.lintEveryone(v, field, r)
	}
}

// lintEveryone finds broadcasts that nothing bounds: one producer in a loop
// would wake all users as often as the budget allows.
func (l *loader) lintEveryone(v *node, field string, r *rule) {
	if r.delivery.gate().Frequency != (intent.Frequency{}) || r.delivery.policy.Approve != nil {
		return
	}
	for _, p := range l.lane(r.delivery.policy.Lane).Terms.Pools {
		if p.Name == r.delivery.gate().Pool && p.AtMost > 0 && !p.Borrow {
			return
		}
	}
	l.warn(v, field, "nothing says how often everyone may be pushed to, so one wrong producer reaches all users with every call there is",
		"write delivery: {frequency: {at_most: 2, per: 24h}}, draw on a pool with at_most and without borrow, or have each text read first with approve: {by: 1, within: 30m}")
}

// lintAttributes notes that two values of one attribute never share a call. A
// digest gathers what goes to equal audiences, so there it is no surprise.
func (l *loader) lintAttributes(v *node, field string, r *rule) {
	if mode := r.delivery.policy.Mode; mode == intent.Alone || mode == intent.Digest {
		return
	}
	for _, item := range r.audience.items {
		if _, literal := item.value.literal(); !literal {
			l.note(v, field, fmt.Sprintf("each %s is a call of its own: the API cannot say %s = a or %s = b", item.name, item.name, item.name),
				"where many of them get one message, make them tags, of which ten share a call")
			return
		}
	}
}

func (l *loader) lintTags(v *node, field string, r *rule) {
	list := false // of unknown length
	for _, item := range r.audience.items {
		x := item.value.whole()
		list = list || x != nil && (x.result.Kind() == cel.ListKind || r.audience.bare && x.mayBeList())
	}
	count := len(r.audience.items)
	switch {
	case r.audience.kind == audience.AllTags && list:
		l.warn(v, field, fmt.Sprintf("a list may have more than %d tags, and then the event is dead-lettered", audience.MaxTags), "ask for its size in when, or take tags_any, which is spread over calls")
	case list:
		l.note(v, field, fmt.Sprintf("a list of more than %d tags is spread over calls, one for every %d", audience.MaxTags, audience.MaxTags), "ask for its size in when if that is too dear")
	case r.audience.kind == audience.AnyTag && count > audience.MaxTags:
		l.warn(v, field, fmt.Sprintf("%d tags are %d calls for every message", count, (count+audience.MaxTags-1)/audience.MaxTags), "give these users a tag in common")
	}
}

// lintMessage finds messages that nobody shares, and those with little room.
func (l *loader) lintMessage(n *node, r *rule) {
	room, known := r.room()
	switch place := n.get("message"); {
	case known && room < 0:
		l.warn(place, "message", fmt.Sprintf("what is written here is %d bytes more than a request may have (%d), so every event is dead-lettered", -room, r.maxRequest), "shorten it")
	case known && room < r.maxRequest/10:
		l.warn(place, "message", fmt.Sprintf("what is written here leaves %d of %d bytes for what an event says, and one that says more is dead-lettered", room, r.maxRequest), "shorten it")
	}
	switch mode := r.delivery.policy.Mode; {
	case mode == intent.Alone, mode == intent.Digest: // never, or also different messages
		return
	case r.delivery.policy.MaxDelay == 0 && r.delivery.policy.Priority != intent.Critical:
		place := n.get("name")
		if d := n.get("delivery"); d != nil && d.get("max_delay") != nil {
			place = d.get("max_delay")
		}
		l.warn(place, "delivery.max_delay", "0 leaves no time for another event to join the call", "give it a minute, or write coalesce: {mode: none} if that is meant")
	}
	for _, key := range []string{"message", "sender", "offline"} {
		if v := n.get(key); v != nil {
			l.lintUnique(v, key)
		}
	}
}

// lintUnique finds texts that are another for every event.
func (l *loader) lintUnique(n *node, field string) {
	for i, item := range n.items {
		l.lintUnique(item, index(field, i))
	}
	for _, p := range n.pairs {
		l.lintUnique(p.value, join(field, p.key.text))
	}
	if n.kind != textNode {
		return
	}
	t, err := l.language.template(n.text)
	if err != nil {
		return // what is passed through as it is
	}
	for _, p := range t.parts {
		if p.expr == nil {
			continue
		}
		for _, told := range p.expr.tells() {
			if sure, yes := told.unique(); yes {
				is := "is another for every event, so no two of them share a call"
				if !sure {
					is = "looks like another for every event; if it is, no two of them share a call"
				}
				l.warn(n, field, told.path+" "+is, "say what is common to many, or write coalesce: {mode: none} if that is meant")
				return
			}
		}
	}
}

// lintDelivery finds rules that push what nobody wants any more, or nothing.
func (l *loader) lintDelivery(n *node, r *rule) {
	said, base := n.get("delivery"), l.root.get("defaults")
	p := r.delivery.policy
	wrote := func(key string) *node {
		for _, from := range []*node{said, base} {
			if from != nil && from.get(key) != nil {
				return from.get(key)
			}
		}
		return nil
	}
	if urgent := p.Priority == intent.Critical || p.Priority == intent.High; urgent && wrote("expire_after") == nil && r.delivery.expireAt == nil {
		l.warn(wrote("priority"), "delivery.priority", fmt.Sprintf("it is %s and says no expiry: an event of yesterday would still be pushed, within 24h of its arrival", p.Priority),
			"write expire_after: 1h, or how long it is worth a call")
	}
	if s := p.Suppresses; s != nil && !l.draws(p.Lane, s.Pool) {
		l.warn(n.get("suppresses").get("pool"), "suppresses.pool", fmt.Sprintf("no rule draws on pool %q, so nobody is held back", s.Pool), "name the pool of those that are meant, or take suppresses out")
	}
	if p.Mode == intent.Digest && p.MaxMessages == 1 {
		l.warn(n.get("coalesce").get("max_messages"), "coalesce.max_messages", "a digest of one message is none", "make it more, or write mode: merge")
	}
}

// draws says whether some rule uses the lane's pool.
func (l *loader) draws(lane, pool string) bool {
	return slices.ContainsFunc(l.compiled, func(r *rule) bool { return r.delivery.policy.Lane == lane && r.delivery.gate().Pool == pool })
}

// gate returns what holds the rule's intents back, but for a clock.
func (d *deliverySpec) gate() intent.Gate {
	switch {
	case d.clock != nil:
		return d.clock.held
	case d.policy.Gate != nil:
		return *d.policy.Gate
	}
	return intent.Gate{}
}

// lintUnused finds what is defined and no rule uses.
func (l *loader) lintUnused() {
	if v := l.root.get("time_intervals"); v != nil {
		for i, item := range v.items {
			if name := item.get("name"); !l.intervals.used[name.text] {
				l.warn(name, join(index("time_intervals", i), "name"), fmt.Sprintf("no rule is active in %q", name.text), "name it in delivery.active, or take it out")
			}
		}
	}
	if v := l.root.get("budget"); v != nil {
		l.lintPools(v, "budget", "")
	}
	v := l.root.get("lanes")
	if v == nil {
		return
	}
	for i, item := range v.items {
		name := item.get("name")
		if !slices.ContainsFunc(l.compiled, func(r *rule) bool { return r.delivery.policy.Lane == name.text }) {
			l.warn(name, join(index("lanes", i), "name"), fmt.Sprintf("no rule uses lane %q, so its calls are never made", name.text), "write delivery: {lane: "+name.text+"} in a rule, or take it out")
			continue
		}
		if b := item.get("budget"); b != nil {
			l.lintPools(b, join(index("lanes", i), "budget"), name.text)
		}
	}
}

func (l *loader) lintPools(budget *node, field, lane string) {
	pools := budget.get("pools")
	if pools == nil {
		return
	}
	for _, p := range pools.pairs {
		if l.draws(lane, p.key.text) {
			continue
		}
		msg := fmt.Sprintf("no rule draws on pool %q", p.key.text)
		if p.value.get("at_least") != nil {
			msg += ", and its at_least keeps calls from all others"
		}
		l.warn(p.key, join(join(field, "pools"), p.key.text), msg, "write delivery: {pool: "+p.key.text+"} in a rule, or take it out")
	}
}

// lintIntervals finds those that do not open any more.
func (l *loader) lintIntervals(now time.Time) {
	v := l.root.get("time_intervals")
	if v == nil {
		return
	}
	for i, item := range v.items {
		name := item.get("name")
		if c := l.intervals.calendars[name.text]; c != nil && c.Next(now).IsZero() {
			l.warn(name, index("time_intervals", i), fmt.Sprintf("%q does not open within the next five years: what waits for it expires", name.text), "correct its years, or take it out")
		}
	}
}
