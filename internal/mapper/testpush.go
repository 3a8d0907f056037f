package mapper

import (
	"errors"
	"fmt"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// AttrTest is the extension of an event that is a test: what its rules say goes to
// the file's test_audience and to nobody else. Its value is for people.
const AttrTest = "pushtest"

// testDelay bounds how long a test waits: somebody looks at a telephone.
const testDelay = time.Minute

// testAudience is the file's `test_audience`, and the gates of its pushes.
type testAudience struct {
	who   []audience.Audience
	gates *gates
}

var errNoTestAudience = errors.New("the event is a test, and the rule file has no test_audience")

// testAudienceOf compiles `test_audience`.
func (l *loader) testAudienceOf(n *node) {
	const field = "test_audience"
	before := l.refused
	spec := l.audience(n, field)
	switch {
	case l.refused > before:
	case spec.kind == audience.Everyone:
		l.refuse(n, field, "a test to everyone is none", "name a tag that the testers have")
	case spec.fixed == nil:
		l.refuse(n, field, "it hangs on the event, and so could be anybody", "write it out, without ${…}")
	case len(spec.fixed) > 1:
		l.refuse(n, field, fmt.Sprintf("it takes %d calls", len(spec.fixed)), "give the testers a tag in common")
	default:
		l.test = &testAudience{who: spec.fixed, gates: l.gates}
	}
}

// apply makes of an intent a test: to the test audience, in a call of its own that
// revises, holds back and joins nothing of what is meant, soon, and from the
// calls that its rule draws on, but for the reserve.
func (t *testAudience) apply(in *intent.Intent) {
	in.Audiences = t.who
	p := &in.Policy
	gate := intent.Gate{}
	if p.Gate != nil {
		gate.Pool = p.Gate.Pool
	}
	in.Policy = intent.Policy{
		Lane: p.Lane, Priority: min(p.Priority, intent.High), MaxDelay: min(p.MaxDelay, testDelay),
		Expires: p.Expires, Mode: intent.Alone, OnDoubt: intent.Drop, Gate: t.gates.one(gate),
	}
}

// TestAudience returns who receives tests, and false where the file does not say.
func (r *Rules) TestAudience() (audience.Audience, bool) {
	if r.test == nil {
		return audience.Audience{}, false
	}
	return r.test.who[0], true
}
