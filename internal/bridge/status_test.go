package bridge

import (
	"slices"
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// whatOnlyTheLoopKnows are gauges of which a sample is a claim.
var whatOnlyTheLoopKnows = []string{
	"bridge_budget_exhaustion_seconds", "bridge_budget_pool_used_calls", "bridge_budget_remaining_calls", "bridge_budget_used_calls",
	"bridge_next_call_seconds", "bridge_pending_intents", "bridge_pending_oldest_seconds", "bridge_push_blocked",
}

// claims returns which of those gauges have samples.
func (i *instance) claims() (all []string) {
	i.w.t.Helper()
	families, err := i.reg.Gather()
	i.w.must(err)
	for _, f := range families {
		if name := f.GetName(); slices.Contains(whatOnlyTheLoopKnows, name) {
			all = append(all, name)
		}
	}
	return all
}

// A full budget that nobody has counted would end the alert on an empty one.
func TestMetricsSayOnlyWhatIsKnown(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	pools := func(o *options) { o.terms.Pools = []intent.Pool{{Name: "marketing", AtLeast: 1}} }
	inBubble(t, setup{rules: editionRules(""), users: people}, func(t *testing.T, w *world) {
		writer := w.start(pools)
		sleep(5 * time.Second)
		standby := w.start(pools)
		sleep(30 * time.Second)
		want := func(when string, i *instance, want []string) {
			t.Helper()
			if got := i.claims(); !slices.Equal(got, want) {
				t.Errorf("%s exports %q, want %q", when, got, want)
			}
		}
		want("the writer", writer, whatOnlyTheLoopKnows)
		want("the standby", standby, nil)
		free := writer.hold()
		want("a writer that does not answer", writer, nil)
		wantSame(t, "its quota", writer.metric("bridge_budget_quota_calls"), 100)
		wantSame(t, "that it is the writer", writer.metric("bridge_writer"), 1)
		free()
		sleep(time.Second)
		want("a writer that answers again", writer, whatOnlyTheLoopKnows)
	})
}
