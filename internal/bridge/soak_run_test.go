package bridge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pushbridge/internal/consume"
)

// soak is one run: a story told for days while things go wrong.
type soak struct {
	*story
	plan  soakPlan
	w     *world
	steps []soakStep // what is still to be done, in order
	slots []*soakSlot
	trap  trap
	quiet bool // the last step changed nothing

	records  []*soakRecord
	life     int // of the input topic: how often it was made anew
	samples  []sample
	trouble  []span // when something was wrong
	writers  []string
	counts   map[string]int
	failures []failure
	births   []time.Time   // of the input topic's lives after the first
	closest  time.Duration // two calls of one app, at the API
	most     int           // calls of one app in any 24 hours
	fullest  float64       // the same as a part of the quota
}

// soakStep is something to be done.
type soakStep struct {
	at time.Time
	do func()
}

// soakSlot is a place for one instance, with the machine's clock.
type soakSlot struct {
	n    int
	inst *instance // nil: down
	clock
}

// soakRecord is one record of the input topic.
type soakRecord struct {
	life, partition int
	offset          int64
	at              time.Time
	event           *storyEvent // nil: it is none
	value           string
}

// sample is what was committed at some time, and how long the journal was then.
type sample struct {
	at        time.Time
	life      int
	committed [soakPartitions]int64
	journal   int64
}

func newSoak(seed uint64) *soak {
	s := &soak{
		story: newSoakStory(rand.New(rand.NewPCG(seed, 3))), plan: newSoakPlan(rand.New(rand.NewPCG(seed, 4))),
		counts: map[string]int{},
	}
	for n := range s.plan.slots {
		s.slots = append(s.slots, &soakSlot{n: n})
	}
	return s
}

func (s *soak) later(d time.Duration, do func()) {
	step := soakStep{time.Now().Add(d), do}
	i := len(s.steps)
	for i > 0 && s.steps[i-1].at.After(step.at) {
		i--
	}
	s.steps = slices.Insert(s.steps, i, step)
}

// tell plays the soak and checks its end.
func (s *soak) tell(t *testing.T, w *world) {
	s.w = w
	s.hearKafka()
	for _, slot := range s.slots {
		s.up(slot)
		time.Sleep(time.Second)
	}
	for _, at := range s.plan.bursts {
		s.later(at, s.emitBurst)
	}
	for _, f := range s.plan.faults {
		s.later(f.At, func() { s.strike(f) })
	}
	s.later(s.plan.lasts, func() {})
	for len(s.steps) > 0 {
		step := s.steps[0]
		s.steps = s.steps[1:]
		time.Sleep(time.Until(step.at))
		s.quiet = false
		step.do()
		if !s.quiet {
			s.look()
		}
	}
	s.heal()
	s.drain(t)
	s.check(t)
}

// options are of every instance.
func (s *soak) options(slot *soakSlot, name string) func(*options) {
	return func(o *options) {
		withAlerts(s.quota, s.quota)(o)
		o.limits.MaxPending = s.bound
		o.caller, o.metadataTTL = name, max(10*time.Second, s.plan.calm)
		o.group = consume.Config{SessionTimeout: time.Minute, RebalanceTimeout: 2 * time.Minute, HeartbeatInterval: 10 * time.Second, Timeout: s.plan.calm}
		o.clock = &slot.clock
	}
}

// up starts the slot's instance, if none runs.
func (s *soak) up(slot *soakSlot) {
	if slot.inst != nil {
		return
	}
	slot.inst = s.launch(slot)
}

func (s *soak) launch(slot *soakSlot) *instance {
	name := callerName(len(s.w.running))
	i := s.w.start(s.options(slot, name))
	s.counts["starts"]++
	return i
}

func callerName(n int) string { return fmt.Sprintf("caller-%d", n) }

// down ends the slot's instance and starts another after a while; 0: never.
func (s *soak) down(slot *soakSlot, crash bool, d time.Duration) {
	if slot.inst == nil {
		return
	}
	i := slot.inst
	slot.inst = nil
	if crash {
		s.kill(i)
	} else {
		s.counts["stops"]++
		go i.leave()
	}
	if d > 0 {
		s.troubled(d)
		s.later(d, func() { s.up(slot) })
	}
}

// kill is kill -9: nothing that the process does from now on reaches anybody.
func (s *soak) kill(i *instance) {
	i.wire.kill()
	i.stop()
	s.counts["crashes"]++
}

// slot returns the one of the number, or the writer's; nil: nobody writes.
func (s *soak) slot(n int) *soakSlot {
	if n >= 0 {
		return s.slots[n]
	}
	for _, slot := range s.slots {
		if slot.inst != nil && slot.inst.group.Writer() {
			return slot
		}
	}
	return nil
}

// troubled notes that something is wrong from now on.
func (s *soak) troubled(d time.Duration) {
	s.trouble = append(s.trouble, span{time.Now(), time.Now().Add(d)})
}

// look notes who writes, and what is committed.
func (s *soak) look() {
	for _, slot := range s.slots {
		if i := slot.inst; i != nil && i.group.Writer() {
			if n := len(s.writers); n == 0 || s.writers[n-1] != i.name {
				s.writers = append(s.writers, i.name)
				if n > 0 {
					s.counts["takeovers"]++
				}
			}
		}
	}
	s.sample()
}

// sample takes down what is committed, where Kafka answers, before it takes down
// how long the journal is.
func (s *soak) sample() {
	got := sample{at: time.Now(), life: s.life}
	for p := range soakPartitions {
		at, err := s.w.tryCommitted(p)
		if err != nil {
			return
		}
		got.committed[p] = at.CommittedOffset
	}
	end, err := s.w.tryEnd(journalTopic, 0)
	if err != nil {
		return
	}
	got.journal = end
	s.samples = append(s.samples, got)
}

// emitBurst emits up to 20 events, some of them more than once.
func (s *soak) emitBurst() {
	s.counts["bursts"]++
	burst := s.counts["bursts"]
	word := func(letter string) string { return fmt.Sprintf("%d%s", burst, letter) }
	for range 1 + s.r.IntN(20) {
		if s.r.IntN(20) == 0 {
			s.produce(nil, s.r.IntN(soakPartitions), fmt.Appendf(nil, "{no event %d", len(s.records)))
			continue
		}
		e := s.newEvent()
		e.text = pick(s.r, "", word("a"), word("a"), word("b"), word("b"), word("c"), "alone "+e.id, "alone "+e.id)
		if len(e.tags) > 10 {
			e.text = "wide " + e.id // nothing else is carried by its calls
		}
		if s.r.IntN(6) == 0 {
			e.copies += 1 + s.r.IntN(2)
		}
		for range e.copies {
			s.produce(e, s.r.IntN(soakPartitions), s.w.encode(e.happening()))
		}
		time.Sleep(time.Duration(s.r.Int64N(int64(500 * time.Millisecond))))
	}
}

// produce writes a record, trying until some broker takes it.
func (s *soak) produce(e *storyEvent, partition int, value []byte) {
	for {
		at, err := s.w.tryProduce(partition, value)
		if err == nil {
			s.records = append(s.records, &soakRecord{s.life, partition, at, time.Now(), e, string(value)})
			return
		}
		time.Sleep(time.Second)
	}
}

// heal takes back all that is wrong.
func (s *soak) heal() {
	s.trap.disarm()
	s.w.sim.ClearFaults()
	if s.w.api == nil {
		s.w.serveAPI()
	}
	for _, slot := range s.slots {
		slot.ahead.Store(0)
		s.up(slot)
	}
}

// drain lets everything come to its end: days in which the quota comes back.
// While nothing runs they cost nothing.
func (s *soak) drain(t *testing.T) {
	time.Sleep(30 * time.Minute)
	for range 12 {
		if s.drained() {
			return
		}
		for _, slot := range s.slots {
			s.down(slot, false, 0)
		}
		s.rest(4 * time.Hour)
		s.up(s.slots[0])
		time.Sleep(10 * time.Minute)
	}
	if !s.drained() {
		s.fail("nothing-lost", "", "two days after all was well, something is not at its end")
	}
}

func (s *soak) drained() bool {
	for p := range soakPartitions {
		at, err := s.w.tryCommitted(p)
		if end := s.w.end(inTopic, p); err != nil || at.CommittedOffset < end && end > 0 {
			return false
		}
	}
	slot := s.slot(-1)
	return slot != nil && slot.inst.metric("bridge_pending_intents") == 0
}
