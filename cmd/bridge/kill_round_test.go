package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pushbridge/internal/kafkatest"
)

// fate is what becomes of the writer in one round.
type fate struct {
	at   moment // 0: at any time
	stop bool   // frozen past its session and thawed, otherwise killed
}

// fates are all of them. A process that is frozen while its call is on its way
// is no other case than one whose call is done: the call has left it.
var fates = []fate{
	{at: onAttempt}, {at: afterAttempt}, {at: onFence}, {at: afterFence}, {at: onCall}, {at: afterCall},
	{at: onOutcome}, {at: afterOutcome}, {at: onResults}, {at: afterResults}, {at: onCommit}, {},
	{at: onAttempt, stop: true}, {at: afterAttempt, stop: true}, {at: onFence, stop: true}, {at: afterFence, stop: true}, {at: afterCall, stop: true},
	{at: onOutcome, stop: true}, {at: onResults, stop: true}, {at: onCommit, stop: true},
}

// String returns what the moments mean for the call.
func (f fate) String() string {
	what := "killed "
	if f.stop {
		what = "frozen "
	}
	switch f.at {
	case 0:
		return what + "at any time"
	case onAttempt:
		return what + "before the attempt"
	case afterAttempt, onFence:
		return what + "between attempt and fence"
	case afterFence, onCall:
		return what + "between fence and call"
	case afterCall:
		return what + "during the call"
	case onOutcome:
		return what + "before the outcome"
	case afterOutcome, onResults:
		return what + "between outcome and results"
	case afterResults, onCommit, afterCommit:
		return what + "before the commit"
	}
	return what + "at a moment without a name"
}

// doubt says whether the writer may leave a call in doubt behind, whose longest
// end the next call must wait for.
func (f fate) doubt() bool { return f.at == 0 || f.at >= afterFence && f.at <= onOutcome }

// tally is what the rounds of a site came to.
type tally struct {
	fates     map[string]int
	at        map[moment]int // of the kills at any time, where the writer was
	takeovers []time.Duration
	calls     []time.Duration // from the end of the writer to its successor's first call, where none was in doubt
	inDoubt   []time.Duration // the same, where one may have been
}

// TestSoakKills runs two instances, and kills or freezes the writer in the midst
// of a call, at every moment of it, over and over; then it judges from outside
// what became of every event and every call. `make soak-kafka` runs it.
func TestSoakKills(t *testing.T) {
	t.Attr("promise", "one-writer")
	rounds := soaks(t)
	addr := kafkatest.Address(t, kafkatest.Plain)
	seed := fromEnv(t, "SOAK_SEED", 1)
	t.Logf("seed %d, %d rounds; again: make soak-kafka ROUNDS=%[2]d SEED=%[1]d", seed, rounds)
	draw := rand.New(rand.NewPCG(uint64(seed), 0))
	var plan []fate
	for len(plan) < rounds {
		deck := slices.Clone(fates)
		draw.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		plan = append(plan, deck[:min(len(deck), rounds-len(plan))]...)
	}
	// Most of a round is waiting for a session to end, so several sites wait at
	// once.
	sites := min(fromEnv(t, "SOAK_SITES", 4), (rounds+4)/5)
	var mu sync.Mutex
	var sum tally
	var found verdict
	t.Run("sites", func(t *testing.T) {
		for n := range sites {
			var own []fate
			for i := n; i < len(plan); i += sites {
				own = append(own, plan[i])
			}
			ownSeed := draw.Uint64()
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				k := newKillSite(t, addr, killRules)
				r := &killing{killSite: k, draw: rand.New(rand.NewPCG(ownSeed, 0)), tally: tally{fates: map[string]int{}, at: map[moment]int{}}}
				r.rounds(own)
				v := k.judge()
				mu.Lock()
				defer mu.Unlock()
				sum.add(r.tally)
				found.add(v)
			})
		}
	})
	t.Logf("%s%s", sum, found)
}

// soaks returns how many rounds are asked for. Without them the test is left out:
// it takes minutes.
func soaks(t *testing.T) int {
	t.Helper()
	rounds := fromEnv(t, "SOAK_ROUNDS", 0)
	if rounds == 0 {
		t.Skip("SKIPPED, for it takes minutes: make soak-kafka ROUNDS=20")
	}
	return rounds
}

// fromEnv reads a number that make hands on.
func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s is %q: want a number", name, text)
	}
	return n
}

// killing is the rounds of one site.
type killing struct {
	*killSite
	tally
	draw *rand.Rand
}

// rounds plays the fates in turn. One that was not met, because the writer had
// changed meanwhile, is tried again.
func (r *killing) rounds(fates []fate) {
	r.t.Helper()
	r.start().owns()
	r.start()
	// The first fence of a group's life: without one, an attempt that was never
	// fenced cannot be told from one that was.
	r.settled()
	r.write(r.event("region.alert", asked{Tags: cities[:1], Text: "alert before the rounds"}))
	eventually(r.t, "the first event has ended", r.quiet)
	for n, most := 0, 3*len(fates)+20; len(fates) > 0; n++ {
		if n > most {
			r.t.Fatalf("fates that are not met: %v", fates)
		}
		began := time.Now()
		if f := fates[0]; r.round(n, f) {
			r.t.Logf("round %d: %v, %v", n, f, time.Since(began).Round(100*time.Millisecond))
			fates = fates[1:]
		} else {
			r.t.Logf("round %d: not %v", n, f)
		}
	}
	for _, i := range slices.Clone(r.live) {
		i.stop()
	}
}

// round lets the writer meet its fate with events of its own, and waits until
// they have ended. It returns false where the moment did not come.
func (r *killing) round(n int, f fate) bool {
	r.t.Helper()
	writer, _ := r.settled()
	var at time.Time // when it happened; read after sprung
	trap := &trap{at: f.at, skip: r.draw.IntN(2), sprung: make(chan struct{})}
	trap.act = func() {
		at = time.Now()
		if f.stop {
			if err := writer.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				r.t.Errorf("freeze: %v", err)
			}
			return
		}
		writer.kill()
	}
	if f.stop {
		trap.resume = make(chan struct{})
	}
	writer.tap.set(trap)
	r.write(r.happenings(n)...)
	if f.at == 0 {
		<-time.After(time.Duration(r.draw.Int64N(int64(3 * time.Second)))) // any time is the point here
		r.at[writer.tap.now()]++
		trap.act()
		close(trap.sprung)
	}
	if !r.springs(trap) {
		writer.tap.disarm()
		return false
	}
	r.fates[f.String()]++
	_, before := writer.state()
	if !f.stop {
		writer.wait()
		r.buried(writer)
		if r.draw.IntN(2) == 0 { // an orchestrator may start the next one soon or late
			r.start()
		}
	}
	next := r.ownerBut(writer)
	r.takeovers = append(r.takeovers, time.Since(at))
	if r.draw.IntN(2) == 0 || !f.stop {
		eventually(r.t, "the events of the round have ended", r.quiet)
	}
	if called, ok := next.tap.callAfter(at); ok && f.doubt() {
		r.inDoubt = append(r.inDoubt, called.Sub(at))
	} else if ok {
		r.calls = append(r.calls, called.Sub(at))
	}
	if f.stop {
		r.thaw(writer, trap, before)
		eventually(r.t, "the events of the round have ended", r.quiet)
	} else if len(r.live) < 2 {
		r.start()
	}
	return true
}

// springs waits for the trap, or until the events have ended without it.
func (r *killing) springs(trap *trap) bool {
	r.t.Helper()
	sprung := false
	eventually(r.t, "the writer met its fate, or ended all events", func() bool {
		select {
		case <-trap.sprung:
			sprung = true
		default:
		}
		return sprung || r.quiet()
	})
	return sprung
}

// thaw lets a frozen writer go on where it was, and waits until it has found out
// that it is none.
func (r *killing) thaw(writer *tapped, trap *trap, before int) {
	r.t.Helper()
	trap.release()
	writer.signal(syscall.SIGCONT)
	eventually(r.t, "the writer that was frozen has lost the group", func() bool {
		_, changes := writer.state()
		return changes > before
	})
}

func (t *tally) add(o tally) {
	if t.fates == nil {
		t.fates, t.at = map[string]int{}, map[moment]int{}
	}
	for f, n := range o.fates {
		t.fates[f] += n
	}
	for m, n := range o.at {
		t.at[m] += n
	}
	t.takeovers = append(t.takeovers, o.takeovers...)
	t.calls = append(t.calls, o.calls...)
	t.inDoubt = append(t.inDoubt, o.inDoubt...)
}

// String lists the counts, a line each.
func (t tally) String() string {
	var b strings.Builder
	total, frozen := 0, 0
	for f, n := range t.fates {
		total += n
		if strings.HasPrefix(f, "frozen") {
			frozen += n
		}
	}
	fmt.Fprintf(&b, "\n%d rounds: %d SIGKILLs, %d SIGSTOPs, %d takeovers\n", total, total-frozen, frozen, len(t.takeovers))
	for _, f := range slices.Sorted(maps.Keys(t.fates)) {
		fmt.Fprintf(&b, "  %-36s %d\n", f, t.fates[f])
	}
	for _, m := range slices.Sorted(maps.Keys(t.at)) {
		fmt.Fprintf(&b, "    of those at any time: %-20s %d\n", m, t.at[m])
	}
	fmt.Fprintf(&b, "from the end of the writer, with a session of %v:\n", killSession)
	for what, d := range map[string][]time.Duration{"to the next owner": t.takeovers, "to its first call": t.calls, "the same, in doubt": t.inDoubt} {
		fmt.Fprintf(&b, "  %-20s %s\n", what, spread(d))
	}
	return b.String()
}

// spread is the median and the maximum of some durations.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(d))
	return fmt.Sprintf("median %v, max %v of %d", sorted[len(sorted)/2].Round(10*time.Millisecond), sorted[len(sorted)-1].Round(10*time.Millisecond), len(sorted))
}
