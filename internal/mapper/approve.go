package mapper

import (
	"fmt"
	"time"

	"pushbridge/internal/intent"
)

// maxApprovers bounds `by`: more people than a desk has is a slip.
const maxApprovers = 10

var approveKeys = keys{known: []string{"by", "within"}}

// approve compiles `approve` of a rule with this priority.
func (l *loader) approve(n *node, field string, priority intent.Priority) *intent.Approval {
	const example = "write {by: 1, within: 30m}"
	if l.fields(n, field, approveKeys) == nil {
		return nil
	}
	var a intent.Approval
	var by, within bool
	if v := n.get("by"); v == nil {
		l.refuse(n, join(field, "by"), "it is missing", example)
	} else {
		a.By, by = l.whole(v, join(field, "by"), 1, maxApprovers)
	}
	if v := n.get("within"); v == nil {
		l.refuse(n, join(field, "within"), "it is missing", example)
	} else if a.Within, within = l.duration(v, join(field, "within")); within && (a.Within < time.Minute || a.Within > maxMemory) {
		l.refuse(v, join(field, "within"), fmt.Sprintf("%s: want 1m to 24h", v.text), "people need a minute, and approvals are remembered for a day")
	}
	if priority == intent.Critical {
		l.refuse(n, field, "critical does not wait for people", "take it out, or make the rule high")
	}
	if !by || !within {
		return nil
	}
	return &a
}

// Approvals returns the names of the rules that want approval, in the file's order, and
// the longest time within which one of them wants it.
func (r *Rules) Approvals() (names []string, longest time.Duration) {
	for _, rule := range r.rules {
		if a := rule.delivery.policy.Approve; a != nil {
			names, longest = append(names, rule.name), max(longest, a.Within)
		}
	}
	return names, longest
}
