package mapper

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/intent"
)

// Lane is one app's calls, and how the file wants them shared.
type Lane struct {
	Name string // empty: the default lane
	// Terms are what the file says of the lane's budget. Interval is always 0, and
	// Calls is 0 where the file gives no quota: the environment says them.
	Terms intent.Terms
}

var (
	laneKeys    = keys{known: []string{"name", "budget"}}
	budgetKeys  = keys{known: []string{"quota", "window", "location", "reserve", "pools"}}
	reserveKeys = keys{known: []string{"critical"}}
	poolKeys    = keys{known: []string{"at_least", "at_most", "borrow"}}
)

// defaultLane is how a rule names the lane that has no name, where defaults say
// another.
const defaultLane = "default"

// maxCalls bounds what is counted in calls: far beyond what an app can buy, and
// small enough that sums of it do not overflow.
const maxCalls = 10_000_000

// lanesOf compiles `budget`, which is the default lane's, and `lanes`.
func (l *loader) lanesOf(root *node) {
	l.lanes = []Lane{{Terms: intent.Terms{Reserve: intent.AutoReserve}}}
	if v := root.get("budget"); v != nil {
		l.lanes[0].Terms = l.budget(v, "budget")
	}
	v := root.get("lanes")
	if v == nil {
		return
	}
	if v.kind != listNode || len(v.items) == 0 {
		l.refuse(v, "lanes", fmt.Sprintf("want a list with at least one lane, got %s", v), "write - name: …, or take the key out")
		return
	}
	for i, item := range v.items {
		at := index("lanes", i)
		if l.fields(item, at, laneKeys) == nil {
			continue
		}
		lane := Lane{Terms: intent.Terms{Reserve: intent.AutoReserve}}
		name, ok := l.named(item, at)
		switch {
		case ok && name == defaultLane:
			l.refuse(item.get("name"), join(at, "name"), "this is the lane of the environment's app", "choose another name; its budget is the file's own budget")
		case ok && l.lane(name) != nil:
			l.refuse(item.get("name"), join(at, "name"), fmt.Sprintf("there is a lane %q already", name), "choose another")
		}
		lane.Name = name
		if b := item.get("budget"); b != nil {
			lane.Terms = l.budget(b, join(at, "budget"))
		}
		if ok {
			l.lanes = append(l.lanes, lane)
		}
	}
}

// named reads the `name` of a list's item.
func (l *loader) named(n *node, field string) (string, bool) {
	v := n.get("name")
	if v == nil {
		l.refuse(n, join(field, "name"), "it is missing", "give it a name")
		return "", false
	}
	return l.name(v, join(field, "name"))
}

// name reads a name, of which the alphabet is that of rules.
func (l *loader) name(n *node, field string) (string, bool) {
	s, ok := l.text(n, field)
	if ok && !ruleName.MatchString(s) {
		l.refuse(n, field, fmt.Sprintf("%q is no name", s), "use a to z, 0 to 9 and -, a letter first, at most 63")
		return "", false
	}
	return s, ok
}

// lane returns the lane of the name, or nil.
func (l *loader) lane(name string) *Lane {
	for i := range l.lanes {
		if l.lanes[i].Name == name {
			return &l.lanes[i]
		}
	}
	return nil
}

// budget compiles one lane's budget. The pools that have a name are in it
// however wrong they are, so that rules that name them are not blamed.
func (l *loader) budget(n *node, field string) intent.Terms {
	t := intent.Terms{Reserve: intent.AutoReserve}
	if l.fields(n, field, budgetKeys) == nil {
		return t
	}
	before := l.refused
	if v := n.get("quota"); v != nil {
		t.Calls, _ = l.calls(v, join(field, "quota"), 1)
	}
	t.Day = l.window(n, field)
	if v := n.get("reserve"); v != nil {
		t.Reserve = l.reserve(v, join(field, "reserve"))
	}
	pools := n.get("pools")
	if pools != nil {
		t.Pools = l.pools(pools, join(field, "pools"))
	}
	if l.refused > before || t.Calls == 0 {
		return t // shares of an unknown quota cannot be added up
	}
	held := max(t.Reserve, 0)
	if held >= t.Calls {
		l.refuse(n.get("reserve"), join(field, "reserve"), fmt.Sprintf("%d of %d calls: nothing is left but for critical", held, t.Calls), "make it less than the quota")
		return t
	}
	for _, p := range t.Pools {
		held += p.AtLeast
		if p.AtMost > t.Calls {
			l.refuse(pools.get(p.Name).get("at_most"), join(field, "pools."+p.Name+".at_most"), fmt.Sprintf("%d calls, the quota is %d", p.AtMost, t.Calls), "take it out: it would bind nobody")
		}
	}
	if held > t.Calls {
		l.refuse(pools, join(field, "pools"), fmt.Sprintf("reserve and all at_least make %d calls, the quota is %d", held, t.Calls), "promise no more than there is")
	}
	return t
}

// calls reads a number of calls.
func (l *loader) calls(n *node, field string, least int) (int, bool) {
	return l.whole(n, field, least, maxCalls)
}

// whole reads a whole number within bounds.
func (l *loader) whole(n *node, field string, least, most int) (int, bool) {
	bounds := fmt.Sprintf("write %d or more", least)
	if most < maxCalls {
		bounds = fmt.Sprintf("write %d to %d", least, most)
	}
	if n.kind != integerNode {
		l.refuse(n, field, fmt.Sprintf("want a whole number, got %s", n), bounds)
		return 0, false
	}
	i, err := strconv.Atoi(n.text)
	if err != nil || i < least || i > most {
		l.refuse(n, field, n.text+" is out of bounds", bounds)
		return 0, false
	}
	return i, true
}

// window reads `window` and `location`: the zone whose day it is, or nil.
func (l *loader) window(n *node, field string) *time.Location {
	day := false
	if v := n.get("window"); v != nil {
		s, ok := l.text(v, join(field, "window"))
		switch day = s == "day"; {
		case ok && s != "day" && s != "24h":
			l.noWord(v, join(field, "window"), "window", []string{"24h", "day"})
		}
	}
	v := n.get("location")
	switch {
	case v != nil && !day:
		l.refuse(v, join(field, "location"), "only a day has a zone", "take it out, or write window: day")
	case v != nil:
		return l.zone(v, join(field, "location"))
	case day:
		return time.UTC
	}
	return nil
}

// zone reads the name of a time zone. "Local" is refused: the same file would
// say another thing on another machine.
func (l *loader) zone(n *node, field string) *time.Location {
	s, ok := l.text(n, field)
	if !ok {
		return nil
	}
	if z := l.zones[s]; z != nil {
		return z
	}
	z, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		l.refuse(n, field, fmt.Sprintf("%q is no time zone", s), "write an IANA name, like Asia/Shanghai or UTC")
		return nil
	}
	l.zones[s] = z
	return z
}

func (l *loader) reserve(n *node, field string) int {
	if n.kind == textNode && n.text == "auto" {
		return intent.AutoReserve
	}
	if n.kind != mapNode {
		do := "write auto, or {critical: 10}"
		if n.kind == textNode {
			do = meant(n.text, []string{"auto"}, do)
		}
		l.refuse(n, field, fmt.Sprintf("want auto or a map, got %s", n), do)
		return intent.AutoReserve
	}
	l.fields(n, field, reserveKeys)
	v := n.get("critical")
	if v == nil {
		l.refuse(n, join(field, "critical"), "it is missing", "write {critical: 10}, or auto")
		return intent.AutoReserve
	}
	reserve, ok := l.calls(v, join(field, "critical"), 0)
	if !ok {
		return intent.AutoReserve
	}
	return reserve
}

func (l *loader) pools(n *node, field string) []intent.Pool {
	if n.kind != mapNode || len(n.pairs) == 0 {
		l.refuse(n, field, fmt.Sprintf("want a map of pools, got %s", n), "write marketing: {at_most: 60}")
		return nil
	}
	var pools []intent.Pool
	for _, p := range n.pairs {
		at := join(field, p.key.text)
		name, ok := l.name(p.key, at)
		if !ok {
			continue
		}
		pool := intent.Pool{Name: name}
		if l.fields(p.value, at, poolKeys) != nil {
			l.pool(p.value, at, &pool)
		}
		pools = append(pools, pool)
	}
	return pools
}

func (l *loader) pool(n *node, field string, pool *intent.Pool) {
	if v := n.get("at_least"); v != nil {
		pool.AtLeast, _ = l.calls(v, join(field, "at_least"), 0)
	}
	most := n.get("at_most")
	if most != nil {
		pool.AtMost, _ = l.calls(most, join(field, "at_most"), 1)
	}
	if pool.AtMost > 0 && pool.AtLeast > pool.AtMost {
		l.refuse(n.get("at_least"), join(field, "at_least"), fmt.Sprintf("%d is more than at_most %d", pool.AtLeast, pool.AtMost), "a pool cannot be promised more than it may use: lower it")
	}
	v := n.get("borrow")
	if v == nil {
		return
	}
	pool.Borrow, _ = l.flag(v, join(field, "borrow"))
	if pool.Borrow && most == nil {
		l.refuse(v, join(field, "borrow"), "it goes beyond at_most, which is not there", "take it out: without at_most there is nothing to go beyond")
	}
}

// knownLane reads `lane`.
func (l *loader) knownLane(n *node, field string) (string, bool) {
	s, ok := l.text(n, field)
	if !ok || s == defaultLane {
		return "", ok
	}
	var names []string
	for _, lane := range l.lanes[1:] {
		names = append(names, lane.Name)
	}
	if !slices.Contains(names, s) {
		l.unknown(n, field, reference{"lane", s, names, "write it under lanes, or take it out for the default lane"})
		return "", false
	}
	return s, true
}

// knownPool reads the name of a pool of the lane.
func (l *loader) knownPool(n *node, field, lane string) (string, bool) {
	s, ok := l.text(n, field)
	if !ok {
		return "", false
	}
	of, place := l.lane(lane), "budget.pools"
	if lane != "" {
		place = fmt.Sprintf("the pools of lane %q", lane)
	}
	var names []string
	for _, p := range of.Terms.Pools {
		names = append(names, p.Name)
	}
	if !slices.Contains(names, s) {
		l.unknown(n, field, reference{"pool", s, names, "write it under " + place})
		return "", false
	}
	return s, true
}

// reference is a name of something that is defined elsewhere in the file.
type reference struct {
	what, name string
	known      []string // what is defined
	define     string   // how to define it
}

// unknown refuses a reference to what the file does not define.
func (l *loader) unknown(n *node, field string, r reference) {
	do := r.define
	if len(r.known) > 0 {
		do = "there is " + strings.Join(r.known, ", ") + "; " + do
	}
	l.refuse(n, field, fmt.Sprintf("there is no %s %q", r.what, r.name), meant(r.name, r.known, do))
}
