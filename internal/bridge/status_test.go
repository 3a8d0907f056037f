package bridge

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
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

// How events ended is known where the process knows it, whoever has the work now.
func TestStatusCountsHowEventsEnded(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: editionRules(""), users: people}, func(t *testing.T, w *world) {
		writer := w.start()
		sleep(5 * time.Second)
		standby := w.start()
		sleep(30 * time.Second)
		w.emit(promo("sale", "gold"), promo("sale", "silver"), happening{Type: "news"})
		sleep(3 * time.Minute)
		want := map[journal.Kind]int{journal.Pushed: 2, journal.Unmatched: 1}
		if diff := cmp.Diff(want, writer.status().Ended); diff != "" {
			t.Errorf("the writer (-want +got):\n%s", diff)
		}
		for k, n := range want {
			wantSame(t, "events by the metric that are "+k.String(), writer.metric("bridge_events_total", "disposition", k.String()), float64(n))
		}
		free := writer.hold()
		if diff := cmp.Diff(want, writer.status().Ended); diff != "" {
			t.Errorf("a writer that does not answer (-want +got):\n%s", diff)
		}
		free()
		if got := standby.status().Ended; len(got) > 0 {
			t.Errorf("the standby, for which nothing has ended: %v", got)
		}
		writer.leave()
		if diff := cmp.Diff(want, writer.status().Ended); diff != "" {
			t.Errorf("who has given the work up (-want +got):\n%s", diff)
		}
	})
}
