package limiter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// The scripts are stories of a Scheduler: time in, decisions out. Instants are
// told from the story's start. The directives:
//
//	scheduler [quota=100] [settle=2s] [dedup=1h] [remember=1000] [room=AUDIENCE [more=0]]
//	      [reserve=0] [pools=(NAME AT_LEAST AT_MOST [borrow], …)]
//	gate G [pool=P] [active=9h-12h] [at=T] [often=N/D]   without one, G is a pool's name
//	event N [at=T] to=AUDIENCE says=TEXT [id=N] [rule=r] [priority=normal] [within=10m]
//	      [lives=24h] [mode=merge] [key=K] [scope=S] [most=5] [overflow=next] [gate=G]
//	      [doubt=drop] [time=T] [received=T] [suppresses=POOL/D]
//	until T [took=300ms] [answers=(A, …)]   live as the loop does; after the answers, pushed
//	next T                                  ask once
//	done T ANSWER [back-off=D]              the call in flight ends
//	full | roomy                            memory is full, or is not any more
//	show T
//
// With room, a request that says hello to that audience is as large as allowed, or
// has so many bytes more.
// An answer is pushed, rejected, doubt, refused (no connection: nothing spent),
// internal (spent, not done) or too-fast (90024: not spent, the interval runs).
func TestScheduler(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	datadriven.Walk(t, "testdata/scheduler", func(t *testing.T, path string) {
		s := &story{w: newWorld(len(worldTags)), now: start}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.out.Reset()
			s.tell(t, d)
			if s.s != nil {
				if err := s.s.check(s.w); err != nil {
					d.Fatalf(t, "%v", err)
				}
			}
			return s.out.String()
		})
	})
}

type story struct {
	s      *Scheduler
	w      *world
	now    time.Time // of the last event or the last time told
	flight *Batch
	gates  map[string]*intent.Gate
	out    strings.Builder
}

func (s *story) tell(t *testing.T, d *datadriven.TestData) {
	switch d.Cmd {
	case "scheduler":
		maxBytes := 0
		if room := word(d, "room", ""); room != "" {
			maxBytes = message(t, "hello").RequestSize(must(parseAudience(room))[0]) + int(number(d, "more", 0))
		}
		s.s = New(Config{
			MaxBytes: maxBytes,
			Budget:   NewBudgetOf(termsOf(d)),
			Settle:   span(t, d, "settle", "2s"), Memory: NewMemory(span(t, d, "dedup", "1h"), int(number(d, "remember", 1000))),
		})
	case "gate":
		s.newGate(d)
	case "event":
		at := start.Add(span(t, d, "at", s.now.Sub(start).String()))
		s.now = at
		s.ended(at, s.s.Add(at, s.event(t, d, at)))
		fmt.Fprintf(&s.out, "pending %d, calls %d\n", s.s.Total(), s.s.batches())
	case "until":
		s.until(t, d)
	case "next":
		s.now = instantOf(t, d)
		s.next(s.now)
	case "done":
		s.now = instantOf(t, d)
		s.done(s.now, d.CmdArgs[1].Key, span(t, d, "back-off", "0s"))
	case "full", "roomy":
		s.s.Hurry(d.Cmd == "full")
	case "show":
		s.show(instantOf(t, d))
	default:
		d.Fatalf(t, "unknown directive %s", d.Cmd)
	}
}

func (s *story) event(t *testing.T, d *datadriven.TestData, at time.Time) intent.Intent {
	n := must(strconv.ParseInt(d.CmdArgs[0].Key, 10, 64))
	doubts := map[string]intent.OnDoubt{"resend": intent.Resend, "drop": intent.Drop}
	modes := map[string]intent.Mode{"merge": intent.Merge, "latest": intent.Latest, "none": intent.Alone, "digest": intent.Digest}
	overflows := map[string]intent.Overflow{"next": intent.Next, "newest": intent.Newest}
	in := intent.Intent{
		Origin: intent.Origin{
			Position: offset.Position{Partition: offset.Partition{Topic: "t"}, Offset: n},
			Source:   "/story", ID: word(d, "id", fmt.Sprint(n)),
			Time:     start.Add(span(t, d, "time", "0s")),
			Received: start.Add(span(t, d, "received", at.Sub(start).String())),
		},
		Rule:    word(d, "rule", "r"),
		Message: message(t, word(d, "says", "hello")),
		Policy: intent.Policy{
			Priority: must(intent.ParsePriority(word(d, "priority", "normal"))),
			MaxDelay: span(t, d, "within", "10m"),
			Expires:  at.Add(span(t, d, "lives", "24h")),
			Mode:     modes[word(d, "mode", "merge")],
			Key:      word(d, "key", ""),
			Scope:    word(d, "scope", ""),
			Overflow: overflows[word(d, "overflow", "next")],
			Gate:     s.gate(word(d, "gate", "")),

			Suppresses:  suppresses(d),
			MaxMessages: int(number(d, "most", 5)),
			OnDoubt:     doubts[word(d, "doubt", "drop")],
		},
	}
	parts, err := parseAudience(word(d, "to", ""))
	if err != nil || in.Policy.Mode == 0 || in.Policy.OnDoubt == 0 {
		d.Fatalf(t, "event %d: %+v: %v", n, in.Policy, err)
	}
	in.Audiences = parts
	return in
}

// termsOf are the budget's.
func termsOf(d *datadriven.TestData) intent.Terms {
	t := intent.Terms{Calls: int(number(d, "quota", 100)), Interval: time.Second, Reserve: int(number(d, "reserve", 0))}
	if arg, ok := d.Arg("pools"); ok {
		for _, val := range arg.Vals {
			words := strings.Fields(val)
			t.Pools = append(t.Pools, intent.Pool{
				Name: words[0], AtLeast: must(strconv.Atoi(words[1])), AtMost: must(strconv.Atoi(words[2])), Borrow: len(words) > 3,
			})
		}
	}
	return t
}

func suppresses(d *datadriven.TestData) *intent.Suppression {
	pool, long, ok := strings.Cut(word(d, "suppresses", ""), "/")
	if !ok {
		return nil
	}
	return &intent.Suppression{Pool: pool, For: must(time.ParseDuration(long))}
}

// newGate makes a gate: its times are told from the story's start, which is 9:00.
func (s *story) newGate(d *datadriven.TestData) {
	g := s.gate(d.CmdArgs[0].Key)
	*g = intent.Gate{Pool: word(d, "pool", "")}
	if from, to, ok := strings.Cut(word(d, "active", ""), "-"); ok {
		minute := func(s string) int { return int(must(time.ParseDuration(s)) / time.Minute) }
		g.Active = must(intent.NewCalendar(d.CmdArgs[0].Key, intent.Span{Times: []intent.DayTime{{Start: minute(from), End: minute(to)}}}))
	}
	if at := word(d, "at", ""); at != "" {
		g.NotBefore = start.Add(must(time.ParseDuration(at)))
	}
	if calls, per, ok := strings.Cut(word(d, "often", ""), "/"); ok {
		g.Frequency = intent.Frequency{Calls: must(strconv.Atoi(calls)), Per: must(time.ParseDuration(per))}
	}
}

// gate returns the gate of that name, always the same.
func (s *story) gate(name string) *intent.Gate {
	if name == "" {
		return nil
	}
	if s.gates == nil {
		s.gates = map[string]*intent.Gate{}
	}
	if s.gates[name] == nil {
		s.gates[name] = &intent.Gate{Pool: name}
	}
	return s.gates[name]
}

// until lives as the loop does: it asks, calls, waits for the answer and sleeps
// until it was told to ask again.
func (s *story) until(t *testing.T, d *datadriven.TestData) {
	end, took := instantOf(t, d), span(t, d, "took", "300ms")
	answers := []string{}
	if arg, ok := d.Arg("answers"); ok {
		answers = arg.Vals
	}
	at := s.now
	for steps := 0; ; steps++ {
		if steps > 10_000 {
			d.Fatalf(t, "no end of it at %v", at.Sub(start))
		}
		wake := s.next(at)
		if s.flight == nil {
			if wake.IsZero() || wake.After(end) {
				s.now = end
				return
			}
			at = wake
			continue
		}
		answer := "pushed"
		if len(answers) > 0 {
			answer, answers = answers[0], answers[1:]
		}
		at = at.Add(took)
		s.done(at, answer, 0)
	}
}

func (s *story) next(at time.Time) (wake time.Time) {
	d := s.s.Next(at)
	s.ended(at, d.Ended)
	if b := d.Batch; b != nil {
		s.flight = b
		var covers []string
		for _, c := range b.Covers {
			covers = append(covers, fmt.Sprint(c.Intent.Origin.Position.Offset))
		}
		slices.Sort(covers)
		notes := ""
		if b.Overlap {
			notes = ", may overlap"
		}
		var texts []string
		for _, m := range b.Messages {
			texts = append(texts, strconv.Quote(m.Text()))
		}
		s.line(at, "call %d to %v: %s for %s (%v, %v%s)", b.ID, b.Audience, strings.Join(texts, " "), strings.Join(covers, " "), b.Priority, b.Why, notes)
	}
	return d.WakeAt
}

func (s *story) done(at time.Time, answer string, backOff time.Duration) {
	v, ok := map[string]Verdict{
		"pushed":   {Result: Pushed, Counted: true, Reached: true},
		"rejected": {Result: Rejected, Counted: true, Reached: true},
		"doubt":    {Result: Doubt, Counted: true, Reached: true},
		"refused":  {Result: Again},
		"internal": {Result: Again, Counted: true, Reached: true},
		"too-fast": {Result: Again, Reached: true},
	}[answer]
	if !ok {
		panic("no answer " + answer)
	}
	v.End = at
	if backOff > 0 {
		v.NotBefore = at.Add(backOff)
	}
	b := s.flight
	s.flight = nil
	s.line(at, "call %d: %s", b.ID, answer)
	s.ended(at, s.s.Done(at, b, v))
}

func (s *story) ended(at time.Time, ended []Ended) {
	words := map[EndKind]string{
		EndPushed: "pushed", EndRejected: "rejected", EndExpired: "expired", EndSuperseded: "superseded", EndDuplicate: "duplicate",
	}
	lines := map[string][]string{}
	var order []string
	for _, e := range ended {
		how := words[e.Kind]
		if e.By != nil {
			how += fmt.Sprintf(" by %d", e.By.Position.Offset)
		}
		if e.Batch != nil {
			how += fmt.Sprintf(", call %d", e.Batch.ID)
		}
		if e.Doubt {
			how += ", in doubt"
		}
		if _, ok := lines[how]; !ok {
			order = append(order, how)
		}
		lines[how] = append(lines[how], fmt.Sprint(e.Intent.Origin.Position.Offset))
	}
	for _, how := range order {
		slices.Sort(lines[how])
		s.line(at, "%s %s", strings.Join(lines[how], " "), how)
	}
}

func (s *story) show(at time.Time) {
	snap := s.s.Snapshot(at, 10)
	fmt.Fprintf(&s.out, "%d of %d calls used, the next from %v on\n", snap.Used, snap.Quota, snap.NextCall.Sub(start))
	for _, p := range intent.Priorities {
		if snap.Pending[p] > 0 {
			fmt.Fprintf(&s.out, "%d %v pending\n", snap.Pending[p], p)
		}
	}
	for _, w := range snap.Waiting {
		intents := fmt.Sprint(w.Intents)
		if w.Messages > 1 {
			intents += fmt.Sprintf(" with %d messages", w.Messages)
		}
		fmt.Fprintf(&s.out, "call %d to %v: %s of rule %s, %v, waits for %s%s\n", w.ID, w.Audience, intents, w.Rule, w.Priority, w.For, until(w.Until))
	}
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (%v)", t.Sub(start))
}

func (s *story) line(at time.Time, format string, args ...any) {
	fmt.Fprintf(&s.out, "%v: %s\n", at.Sub(start), fmt.Sprintf(format, args...))
}

func instantOf(t *testing.T, d *datadriven.TestData) time.Time {
	at, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return start.Add(at)
}

func word(d *datadriven.TestData, key, otherwise string) string {
	if arg, ok := d.Arg(key); ok {
		return arg.Vals[0]
	}
	return otherwise
}

func span(t *testing.T, d *datadriven.TestData, key, otherwise string) time.Duration {
	v, err := time.ParseDuration(word(d, key, otherwise))
	if err != nil {
		d.Fatalf(t, "%s: %v", key, err)
	}
	return v
}

func number(d *datadriven.TestData, key string, otherwise int64) int64 {
	return must(strconv.ParseInt(word(d, key, fmt.Sprint(otherwise)), 10, 64))
}
