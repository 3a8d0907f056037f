package mapper

import (
	"fmt"
	"regexp"

	"pushbridge/internal/audience"
)

var (
	fileKeys = keys{
		known: []string{"version", "schemas", "validate", "vocabulary", "test_audience", "defaults", "time_intervals", "budget", "lanes", "remap_pending", "rules"},
	}
	ruleKeys = keys{
		known: []string{"name", "owner", "match", "filter", "filters", "when", "audience", "message", "sender", "online_only", "life_time", "offline", "coalesce", "delivery", "suppresses", "approve", "continue"},
		later: []string{"cancels"},
	}
)

// ruleName is safe as a label, a file's name and a part of a URL.
var ruleName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// rules compiles the whole file.
func (l *loader) rules(root *node) {
	switch {
	case root.get("specversion") != nil:
		l.refuse(root, "", "this is an event, and no rule file", "name the rules in its place")
		return
	case root.get("tests") != nil && root.get("version") == nil:
		l.refuse(root, "", "these are tests of rules, and no rules", "run them by bridge test")
		return
	case l.fields(root, "", fileKeys) == nil:
		return
	}
	switch v := root.get("version"); {
	case v == nil:
		l.refuse(root, "version", "it is missing", "write version: 1")
	case v.kind != integerNode || v.text != "1":
		l.refuse(v, "version", fmt.Sprintf("%q is not known", v.text), "write version: 1")
	}
	// First what rules refer to by name.
	if v := root.get("schemas"); v != nil {
		l.schemasOf(v)
	}
	if v := root.get("validate"); v != nil {
		l.validators = l.validateOf(v)
	}
	if v := root.get("vocabulary"); v != nil {
		l.vocabularyOf(v)
	}
	if v := root.get("test_audience"); v != nil {
		l.testAudienceOf(v)
	}
	if v := root.get("time_intervals"); v != nil {
		l.timeIntervals(v)
	}
	l.lanesOf(root)
	if v := root.get("remap_pending"); v != nil {
		l.remap, _ = l.flag(v, "remap_pending")
	}
	base := builtin()
	if d := root.get("defaults"); d != nil {
		l.defaults(d, &base)
	}
	list := root.get("rules")
	switch {
	case list == nil:
		l.refuse(root, "rules", "it is missing", "write at least one rule")
		return
	case list.kind != listNode || len(list.items) == 0:
		l.refuse(list, "rules", fmt.Sprintf("want a list with at least one rule, got %s", list), "write - name: …, with match, audience and message")
		return
	}
	seen := map[string]int{}
	for i, n := range list.items {
		l.rule = ""
		r := l.oneRule(n, index("rules", i), base)
		if r == nil {
			continue
		}
		if line, ok := seen[r.name]; ok && r.name != "" {
			l.refuse(n.get("name"), "name", fmt.Sprintf("line %d has a rule of this name", line), "choose another")
		} else if place := n.get("name"); place != nil {
			seen[r.name] = place.line
		}
		l.compiled, l.places = append(l.compiled, r), append(l.places, n)
	}
	l.checkScopes(l.compiled, l.places)
	l.rule = ""
}

// oneRule compiles a rule; its problems are noted, so it may come back in parts.
func (l *loader) oneRule(n *node, field string, base defaults) *rule {
	r := &rule{maxRequest: l.maxRequest, test: l.test}
	l.expressions = nil
	defer func() { r.expressions = l.expressions }()
	if n.kind == mapNode {
		if name := n.get("name"); name != nil && name.kind == textNode && ruleName.MatchString(name.text) {
			r.name, l.rule, field = name.text, name.text, ""
			r.line, r.column = name.line, name.column
		}
	}
	if l.fields(n, field, ruleKeys) == nil {
		return nil
	}
	if name := n.get("name"); name == nil {
		l.refuse(n, join(field, "name"), "it is missing", "give the rule a name")
	} else if s, ok := l.text(name, join(field, "name")); ok && r.name == "" {
		l.refuse(name, join(field, "name"), fmt.Sprintf("%q is no name", s), "use a to z, 0 to 9 and -, a letter first, at most 63")
	}
	if v := n.get("owner"); v != nil {
		l.text(v, join(field, "owner"))
	}
	if v := n.get("match"); v != nil {
		r.match, r.types = l.match(v, join(field, "match"))
	} else if f := n.get("filters"); n.get("filter") == nil && (f == nil || f.kind == listNode && len(f.items) == 0) {
		l.refuse(n, join(field, "match"), "it is missing", "say which events: match: {type: …}")
	}
	l.filters(n, field, r)
	l.typeRule(n, r)
	defer l.untype()
	if v := n.get("when"); v != nil {
		r.when = l.condition(v, join(field, "when"))
	}
	if v := n.get("audience"); v != nil {
		r.audience = l.audience(v, join(field, "audience"))
	} else {
		l.refuse(n, join(field, "audience"), "it is missing", "say who: tags_any, tags_all, attrs_any, attrs_all or everyone: true")
	}
	r.message = l.message(n, field, base)
	l.checkSize(n.get("message"), join(field, "message"), r)
	r.delivery = l.delivery(n, field, base)
	if v := n.get("continue"); v != nil {
		r.goOn, _ = l.flag(v, join(field, "continue"))
	}
	return r
}

// checkSize refuses what can be seen now to be too large for any event: a message
// that is written out, together with the audience if that is too.
func (l *loader) checkSize(n *node, field string, r *rule) {
	if r.message.fixed.IsZero() {
		return
	}
	parts := r.audience.fixed
	if parts == nil {
		parts = []audience.Audience{audience.All()} // the least that it could be
	}
	if err := r.fits(r.message.fixed, parts); err != nil {
		l.refuse(n, field, err.Error(), "shorten what is written out: a request has a limit")
	}
}
