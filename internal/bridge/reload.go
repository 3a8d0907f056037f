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
// after an error the old ones stay. When it returns nil, what is read from now on is
// mapped under the new ones: the loop takes them over between two events.
//
// What waits keeps what the old rules made of it, unless the new ones say
// RemapPending: then the session brings what is under way to its end and a new one
// begins, which reads from Kafka what has not ended, as after a restart.
func (b *Bridge) Reload(ctx context.Context, rs Ruleset) error {
	set, err := rulesetOf(b.cfg.Lanes, rs)
	if err != nil {
		return err
	}
	b.metrics.knowRules(rs.Rules)
	b.violations.knowRules(rs.Rules)
	b.current.Store(set)
	// A session that begins now takes them anyway; one that goes on is told.
	for b.serving.Load() {
		taken := make(chan struct{})
		select {
		case b.reloads <- taken:
			<-taken // the loop never waits for anything but channels of its own
			return nil
		case <-time.After(reloadPoll): // the session may have ended meanwhile
		case <-ctx.Done():
			return fmt.Errorf("the rules take over when the session's loop answers: %w", context.Cause(ctx))
		}
	}
	return nil
}

// reloadPoll is how often who replaces the rules looks whether a session still runs.
const reloadPoll = 100 * time.Millisecond

// adopt goes on under the rules that are current now.
func (l *loop) adopt(now time.Time) {
	set := l.b.current.Load()
	if set == l.rules || l.draining {
		return // the next session takes them
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
