package limiter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// loads are the shapes of what is pending, from the kindest to the worst.
var loads = []struct {
	name string
	make func(b *testing.B, r *rand.Rand, n int) intent.Intent
}{
	// A campaign: four messages, each event to one or two of 40 tags.
	{"4 messages", func(b *testing.B, r *rand.Rand, n int) intent.Intent {
		return newIntent(b, n, anyOf(r, 1+r.IntN(2), 40), message(b, fmt.Sprint(n%4)))
	}},
	{"1000 messages", func(b *testing.B, r *rand.Rand, n int) intent.Intent {
		return newIntent(b, n, anyOf(r, 1+r.IntN(2), 40), message(b, fmt.Sprint(n%1000)))
	}},
	{"a message each", func(b *testing.B, r *rand.Rand, n int) intent.Intent {
		return newIntent(b, n, anyOf(r, 1+r.IntN(2), 40), message(b, fmt.Sprint(n)))
	}},
	// A digest of five messages to each of eighty segments, which never unite.
	{"digests", func(b *testing.B, r *rand.Rand, n int) intent.Intent {
		to := must(audience.OfAllAttrs(map[string]string{"level": fmt.Sprint(r.IntN(4)), "city": fmt.Sprint(r.IntN(20))}))
		in := newIntent(b, n, to, message(b, fmt.Sprint(n%5)))
		in.Policy.Mode, in.Policy.MaxMessages, in.Policy.Overflow = intent.Digest, 5, intent.Next
		return in
	}},
	// Values of one attribute never merge.
	{"an attribute's value each", func(b *testing.B, _ *rand.Rand, n int) intent.Intent {
		return newIntent(b, n, must(audience.OfAnyAttr(map[string]string{"city": fmt.Sprint(n)})), message(b, "hello"))
	}},
	// All share a tag, so all are found under it, and no two unite.
	{"all of one and another tag", func(b *testing.B, _ *rand.Rand, n int) intent.Intent {
		return newIntent(b, n, must(audience.OfAllTags("vip", fmt.Sprint(n))), message(b, "hello"))
	}},
}

// arrival is when the nth of so many comes: they are spread over half an hour.
func arrival(n, of int) time.Time {
	return start.Add(30 * time.Minute * time.Duration(n) / time.Duration(of))
}

func anyOf(r *rand.Rand, n, of int) audience.Audience {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprint("tag-", r.IntN(of))
	}
	return must(audience.OfAnyTag(tags...))
}

// BenchmarkScheduler fills a Scheduler and reports, for each intent, the time to
// add it, the memory it keeps and the time until it expired with all others.
func BenchmarkScheduler(b *testing.B) {
	for _, load := range loads {
		for _, n := range []int{1e4, 1e5, 1e6} {
			if testing.Short() && n > 1e5 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", load.name, n), func(b *testing.B) {
				var add, cpu, end, kept, remembered, calls float64
				for b.Loop() {
					r := rand.New(rand.NewPCG(1, 2))
					heap := heapInUse()
					s := newScheduler()
					// What tells repeats is bounded on its own, so it is not counted.
					for i := range n {
						s.memory.repeated(start, &intent.Origin{Source: "/s", ID: fmt.Sprint(i)})
					}
					remembered = float64(heapInUse()-heap) / float64(n)
					heap = heapInUse()
					var adding, working time.Duration
					const chunk = 1000 // made before the clock runs, dropped after
					for from := 0; from < n; from += chunk {
						intents := make([]intent.Intent, 0, chunk)
						for i := range chunk {
							in := load.make(b, r, from+i)
							in.Origin.Received, in.Policy.MaxDelay = arrival(from+i, n), time.Hour
							intents = append(intents, in)
						}
						began, worked := time.Now(), cpuTime(b)
						for i := range intents {
							if ended := s.Add(intents[i].Origin.Received, intents[i]); len(ended) > 0 {
								b.Fatalf("intent %d ended at once", from+i)
							}
						}
						adding += time.Since(began)
						working += cpuTime(b) - worked
					}
					kept = float64(heapInUse()-heap) / float64(n)
					calls = float64(s.batches())
					add, cpu = float64(adding.Nanoseconds())/float64(n), float64(working.Nanoseconds())/float64(n)
					began := time.Now()
					if ended := s.Idle(start.Add(2 * time.Hour)).Ended; len(ended) != n {
						b.Fatalf("%d of %d expired", len(ended), n)
					}
					end = float64(time.Since(began).Nanoseconds()) / float64(n)
				}
				b.ReportMetric(add, "ns/add")
				b.ReportMetric(cpu, "cpu-ns/add")
				b.ReportMetric(remembered, "B/remembered")
				b.ReportMetric(end, "ns/expire")
				b.ReportMetric(kept, "B/pending")
				b.ReportMetric(calls, "calls")
			})
		}
	}
}

// BenchmarkAddAndNext asks for the next call every thousand intents, while batches that
// lose at many rates wait and each intent makes one of them lose faster: what adding
// puts off is paid there.
func BenchmarkAddAndNext(b *testing.B) {
	const others, joined, rounds, every = 3000, 30_000, 6, 1000
	for b.Loop() {
		r := rand.New(rand.NewPCG(1, 2))
		s := newScheduler()
		for i := range 60 { // so that a call has a price
			s.budget.SpendFrom("", start.Add(time.Duration(i)*time.Second))
		}
		now := start.Add(2 * time.Minute)
		next := func() {
			if batch := s.Next(now).Batch; batch != nil {
				s.Done(now, batch, Verdict{Result: Pushed, End: now, Counted: true, Reached: true})
			}
		}
		wait := func(n int, text string, delay time.Duration, p intent.Priority) intent.Intent {
			in := newIntent(b, n, must(audience.OfAnyTag("t")), message(b, text))
			in.Origin.Received, in.Policy.MaxDelay, in.Policy.Priority = now, delay, p
			in.Policy.Expires = now.Add(3 * delay)
			return in
		}
		for i := range others {
			s.Add(now, wait(i, fmt.Sprint("other ", i), time.Duration(math.Exp(r.Float64()*6)*float64(time.Hour)), intent.Normal))
		}
		next()
		intents := make([]intent.Intent, rounds*joined)
		for i := range intents {
			intents[i] = wait(others+i, fmt.Sprint(i%joined), 5*time.Hour, intent.High)
		}
		var all, worst time.Duration
		for from := 0; from < len(intents); from += every {
			began := time.Now()
			for i := from; i < from+every; i++ {
				now = now.Add(time.Minute / time.Duration(len(intents)))
				intents[i].Origin.Received = now
				s.Add(now, intents[i])
			}
			asked := time.Now()
			next()
			worst = max(worst, time.Since(asked))
			all += time.Since(began)
		}
		b.ReportMetric(float64(all.Nanoseconds())/float64(len(intents)), "ns/add")
		b.ReportMetric(float64(worst.Microseconds()), "worst-next-µs")
	}
}

// BenchmarkCall is Next and Done of one call among many that wait.
func BenchmarkCall(b *testing.B) {
	for _, n := range []int{1e4, 1e5, 1e6} {
		if testing.Short() && n > 1e5 {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := New(Config{Budget: newBudget(1, 1, 1000), Memory: NewMemory(time.Hour, 1)})
			for i := range n {
				s.Add(start, newIntent(b, i, audience.All(), message(b, fmt.Sprint(i))))
			}
			now := start.Add(50 * time.Minute)
			first := s.Next(now).Batch // all are ready
			s.Done(now, first, Verdict{Result: Again, End: now})
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(2)
				batch := s.Next(now).Batch
				s.Done(now, batch, Verdict{Result: Again, End: now, Counted: true, Reached: true})
			}
		})
	}
}

// BenchmarkSnapshot is what the console asks of the loop.
func BenchmarkSnapshot(b *testing.B) {
	s := newScheduler()
	for i := range int(1e5) {
		s.Add(start, newIntent(b, i, audience.All(), message(b, fmt.Sprint(i))))
	}
	for b.Loop() {
		s.Snapshot(start, 20)
	}
}

// cpuTime is what the process has worked, the collector's work included: on a busy
// machine it says more than the clock.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
