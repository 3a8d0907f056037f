package limiter

import (
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// maxViews bounds the answers that are remembered, about one for each waiting
// batch that is looked at; beyond it all are worked out anew.
const maxViews = 1024

// pushes remembers whom calls may have reached, for frequency caps. It answers
// from views: for each audience asked about, the latest pushes that may have
// reached one of its users. A view is a memory of the log and never of an
// instant, so that asking changes no later answer; it is brought up to date by
// what was pushed since.
type pushes struct {
	keep  time.Duration // the longest period of a Frequency
	log   []push        // in the order in which they were told
	told  int64         // pushes ever told; the log's last has this number
	views map[pushKey]*pushView
}

type push struct {
	audience audience.Audience
	end      time.Time
}

type pushKey struct {
	audience audience.Audience
	calls    int
}

type pushView struct {
	told int64       // it knows the pushes up to this number
	ends []time.Time // of at most so many pushes as the key says, oldest first
}

// newPushes returns an empty ledger for Frequencies whose periods are at most keep.
func newPushes(keep time.Duration) *pushes {
	return &pushes{keep: keep, views: map[pushKey]*pushView{}}
}

// add tells of a call that ended at end and may have reached a. Those that no
// period at end holds any more are forgotten.
func (p *pushes) add(a audience.Audience, end time.Time) {
	old := 0
	for old < len(p.log) && end.Sub(p.log[old].end) > p.keep {
		old++
	}
	p.log = append(slices.Delete(p.log, 0, old), push{audience: a, end: end})
	p.told++
}

// heldBy says until when f holds back a call to a: so many pushes of its period
// may have reached one of a's users. It is held at the instants before until.
func (p *pushes) heldBy(now time.Time, a audience.Audience, f intent.Frequency) (until time.Time, held bool) {
	if f.Calls <= 0 || len(p.log) == 0 {
		return time.Time{}, false
	}
	ends := p.view(pushKey{audience: a, calls: f.Calls}).ends
	if len(ends) < f.Calls {
		return time.Time{}, false
	}
	until = ends[0].Add(f.Per + 1) // "in any period": one nanosecond
	return until, until.After(now)
}

func (p *pushes) view(k pushKey) *pushView {
	v := p.views[k]
	if v == nil {
		if len(p.views) >= maxViews {
			clear(p.views)
		}
		v = new(pushView)
		p.views[k] = v
	}
	news := min(len(p.log), int(p.told-v.told))
	for _, one := range p.log[len(p.log)-news:] {
		if !one.audience.Overlaps(k.audience) {
			continue
		}
		i := endedBefore(v.ends, one.end)
		v.ends = slices.Insert(v.ends, i, one.end)
		if len(v.ends) > k.calls {
			v.ends = slices.Delete(v.ends, 0, 1)
		}
	}
	v.told = p.told
	return v
}
