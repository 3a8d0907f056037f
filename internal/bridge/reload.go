package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/internal/results"
)

// Ruleset is a rule file with all that follows from it. It is replaced as a whole
// and never changed.
type Ruleset struct {
	Rules *mapper.Rules
	Terms map[string]intent.Terms // of every lane, by its name
}

// ruleset is what the loop goes by.
type ruleset struct {
	rules *mapper.Rules
	terms []intent.Terms // of the lanes, in their order
}

func (r *ruleset) version() string { return r.rules.Version() }

// rulesetOf finds all that is wrong between rules and lanes, so that nothing can
// fail once they take over.
func rulesetOf(lanes []Lane, rs Ruleset) (*ruleset, error) {
	if rs.Rules == nil {
		return nil, errors.New("bridge: rules are missing")
	}
	var errs []error
	set := &ruleset{rules: rs.Rules}
	for i := range lanes {
		terms, ok := rs.Terms[lanes[i].Name]
		switch err := terms.Check(); {
		case !ok:
			errs = append(errs, fmt.Errorf("bridge: lane %s has no terms", lanes[i].Label()))
		case err != nil:
			errs = append(errs, fmt.Errorf("bridge: lane %s: %w", lanes[i].Label(), err))
		}
		set.terms = append(set.terms, terms)
	}
	for _, want := range rs.Rules.Lanes() {
		if !slices.ContainsFunc(lanes, func(l Lane) bool { return l.Name == want.Name }) {
			errs = append(errs, fmt.Errorf("bridge: the rules have the lane %s, which this process has not", want.Name))
		}
	}
	return set, errors.Join(errs...)
}

// Rules returns the rules by which events are mapped from now on.
func (b *Bridge) Rules() *mapper.Rules { return b.current.Load().rules }

// Reload replaces the rules. All that can fail is checked before anything changes;
// after an error, also that of ctx, the old ones stay. When it returns nil, what is
// read from now on is mapped under the new ones: the loop takes them over between two
// events, and where there is none the next session begins with them.
//
// What waits keeps what the old rules made of it, unless the new ones say
// RemapPending: then the session brings what is under way to its end and a new one
// begins, which reads from Kafka what has not ended, as after a restart.
func (b *Bridge) Reload(ctx context.Context, rs Ruleset) error {
	set, err := rulesetOf(b.cfg.Lanes, rs)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if b.useBetweenSessions(set) {
			return nil
		}
		r := reload{set: set, taken: make(chan struct{})}
		select {
		case b.reloads <- r:
			<-r.taken // the loop never waits for anything but channels of its own
			return nil
		case <-time.After(reloadPoll): // the session may have ended meanwhile
		case <-ctx.Done():
		}
	}
	return fmt.Errorf("replace the rules: given up before the session's loop took them: %w", context.Cause(ctx))
}

// reload asks the loop to go on by other rules.
type reload struct {
	set   *ruleset
	taken chan struct{} // closed when it does
}

// reloadPoll is how often who replaces the rules looks whether a session still runs.
const reloadPoll = 100 * time.Millisecond

// use has rules be those that are current.
func (b *Bridge) use(set *ruleset) {
	b.metrics.knowRules(set.rules)
	b.violations.knowRules(set.rules)
	b.current.Store(set)
}

// useBetweenSessions is use where no session has begun, and says whether that is so: the
// rules of a session are its loop's to change.
func (b *Bridge) useBetweenSessions(set *ruleset) bool {
	b.beginning.Lock()
	defer b.beginning.Unlock()
	if b.serving.Load() {
		return false
	}
	b.use(set)
	return true
}

// adopt goes on under other rules.
func (l *loop) adopt(set *ruleset, now time.Time) {
	l.b.use(set)
	if l.draining {
		return // the next session begins with them
	}
	l.rules = set
	l.tellRules(now)
	if set.rules.RemapPending() && l.total() > 0 {
		l.draining, l.again = true, true
		l.b.cfg.Logger.Info("session ends: what waits is read again and mapped anew", "pending", l.total())
		return
	}
	for i, ln := range l.lanes {
		ln.terms = set.terms[i]
		ln.sched.SetTerms(now, ln.terms)
	}
}

// tellRules says that other rules are in use than before, if they are.
func (l *loop) tellRules(now time.Time) {
	to, from := l.rules.version(), l.b.inUse
	if to == from {
		return
	}
	l.b.inUse = to
	told := results.Reloaded{RulesVersion: to, PreviousVersion: from, Rules: len(l.rules.rules.Rules()), Pending: l.total(), At: now}
	told.Remapped = l.rules.rules.RemapPending() && told.Pending > 0
	l.outbox.reloaded = append(l.outbox.reloaded, told)
	l.b.cfg.Logger.Info("rules switched", "rules_version", to, "previous_version", from, "rules", told.Rules, "pending", told.Pending, "remapped", told.Remapped)
}
