package mapper

import (
	"fmt"
	"slices"
	"strings"

	"pushbridge/internal/intent"
	"pushbridge/internal/replay"
)

// replayed makes of a mapping what it is for an event that comes again: under fewer
// rules, never urgent, on the replays' share of the calls, and without a say over
// what happens now: it suppresses nobody, and only others of its replay revise it.
func (r *Rules) replayed(m *Mapping, s *scope) {
	if not, ok := s.attribute(replay.AttrNot); ok {
		done := strings.Split(not, ",")
		m.Intents = slices.DeleteFunc(m.Intents, func(in intent.Intent) bool { return slices.Contains(done, in.Rule) })
		m.Failures = slices.DeleteFunc(m.Failures, func(f *RuleError) bool { return slices.Contains(done, f.Rule) })
		if len(m.Intents) == 0 && len(m.Failures) == 0 {
			m.Intents, m.Failures = nil, nil
			if m.Why == "" {
				m.Why = fmt.Sprintf("no rule is left: it has ended before under %s", shorten(not))
			}
			return
		}
	}
	most := intent.Low
	if text, ok := s.attribute(replay.AttrPriority); ok {
		if p, err := intent.ParsePriority(text); err == nil {
			most = min(p, intent.High)
		}
	}
	for i := range m.Intents {
		p := &m.Intents[i].Policy
		p.Priority = min(p.Priority, most)
		p.Suppresses = nil
		gate := intent.Gate{}
		if p.Gate != nil {
			gate = *p.Gate
		}
		gate.Pool = intent.ReplayPool
		p.Gate = r.gates.one(gate)
		if p.Mode == intent.Latest {
			scope := p.Scope
			if scope == "" {
				scope = m.Intents[i].Rule
			}
			p.Scope = "replay " + s.origin.ReplayID + " " + scope
		}
	}
}

// ignoresExpiry says whether what the event or its rule says of an instant of expiry
// is over and done with.
func (s *scope) ignoresExpiry() bool {
	if s.origin.ReplayID == "" {
		return false
	}
	text, _ := s.attribute(replay.AttrExpiry)
	return text == replay.ExpiryIgnored
}
