package bridge

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// TestSoak holds the promises over hours to weeks of virtual time, in which the
// whole bridge runs beside Kafka and the API and everything goes wrong: see
// soakKinds. What must hold is checked from outside. BRIDGE_SOAK_SEEDS says how
// many seeds are tried, BRIDGE_SOAK_SEED which is the first, BRIDGE_SOAK_FAULTS
// which of the plan's faults happen (numbers; empty: all).
func TestSoak(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	var total soakTotal
	t.Cleanup(func() { t.Log(total.String()) })
	first := uint64(number(t, "BRIDGE_SOAK_SEED", 0))
	for n := range number(t, "BRIDGE_SOAK_SEEDS", 2) {
		seed := first + uint64(n)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			s := newSoak(seed)
			chosen := s.choose(t)
			defer func() {
				total.add(s)
				if t.Failed() {
					t.Logf("rules:\n%s%s", s.ruleFile(), s.plan)
					t.Logf("repeat: make soak SEEDS=1 SEED=%d%s\nshrink it: FAULTS=%q leaves out all but those numbers", seed, chosen, "0,2")
				}
			}()
			sim := pushsim.Config{Quota: s.quota, Counting: pushsim.CountAll, DedupWindow: s.plan.dedup}
			var callers []string
			for n := range 1000 {
				callers = append(callers, callerName(n))
			}
			inBubble(t, setup{
				rules: s.ruleFile(), users: s.users, sim: sim, partitions: soakPartitions, apps: []uint32{alertsApp}, brokers: soakBrokers,
				callers: callers, metadataTTL: 10 * time.Second, front: s.front,
			}, s.tell)
		})
	}
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// choose leaves only those faults in the plan that the environment names.
func (s *soak) choose(t *testing.T) string {
	t.Helper()
	text := os.Getenv("BRIDGE_SOAK_FAULTS")
	if text == "" {
		return ""
	}
	var kept []soakFault
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 0 || n >= len(s.plan.faults) {
			t.Fatalf("BRIDGE_SOAK_FAULTS: no fault %q in a plan of %d", word, len(s.plan.faults))
		}
		kept = append(kept, s.plan.faults[n])
	}
	s.plan.faults = kept
	return " FAULTS=" + text
}

// String is the plan as it is printed for a run that failed.
func (p soakPlan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, %d instances, %d bursts, Kafka's timeout %v, the API drops repeats of a number for %v\n", p.lasts, p.slots, len(p.bursts), p.calm, p.dedup)
	for n, f := range p.faults {
		fmt.Fprintf(&b, "  fault %d: %v\n", n, f)
	}
	return b.String()
}

// soakTotal sums the runs up.
type soakTotal struct {
	mu      sync.Mutex
	seeds   int
	lasted  time.Duration
	counts  map[string]int
	gaps    map[string]int // failures
	closest time.Duration
	most    int
	fullest float64
}

func (x *soakTotal) add(s *soak) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.counts == nil {
		x.counts, x.gaps = map[string]int{}, map[string]int{}
	}
	x.seeds++
	x.lasted += s.plan.lasts
	for name, n := range s.counts {
		x.counts[name] += n
	}
	for _, f := range s.failures {
		x.gaps[f.gap]++
	}
	if x.closest == 0 || s.closest > 0 && s.closest < x.closest {
		x.closest = s.closest
	}
	x.most, x.fullest = max(x.most, s.most), max(x.fullest, s.fullest)
}

func (x *soakTotal) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds, %v of virtual time beside what the quota took to come back\n", x.seeds, x.lasted)
	for _, name := range slices.Sorted(maps.Keys(x.counts)) {
		fmt.Fprintf(&b, "  %-42s %d\n", name, x.counts[name])
	}
	fmt.Fprintf(&b, "  %-42s %v\n", "smallest interval at the API", x.closest)
	fmt.Fprintf(&b, "  %-42s %d (%.0f%% of a quota at most)\n", "most calls in any 24 hours", x.most, 100*x.fullest)
	for _, gap := range slices.Sorted(maps.Keys(x.gaps)) {
		why := "NOT KNOWN"
		if reason, ok := knownGaps[gap]; ok {
			why = "known: " + reason
		}
		fmt.Fprintf(&b, "  failures %-33q %d (%s)\n", gap, x.gaps[gap], why)
	}
	return b.String()
}
