package limiter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

func digestOf(t testing.TB, n, text, tag, most int) intent.Intent {
	in := newIntent(t, n, must(audience.OfAnyTag(fmt.Sprint("tag-", tag))), message(t, fmt.Sprint(text)))
	in.Policy.Mode, in.Policy.MaxMessages, in.Policy.Overflow = intent.Digest, most, intent.Next
	return in
}

// In whatever order the cells of a rectangle come, one call carries it.
func TestARectangleIsOneCall(t *testing.T) {
	t.Attr("guards", "fewest calls")
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		messages, tags := rapid.IntRange(1, 6).Draw(rt, "messages"), rapid.IntRange(1, audience.MaxTags).Draw(rt, "tags")
		cells := make([]int, messages*tags)
		for n := range cells {
			cells[n] = n
		}
		s := newScheduler()
		for n, cell := range rapid.Permutation(cells).Draw(rt, "cells") {
			if ended := s.Add(start, digestOf(t, n, cell/tags, cell%tags, messages)); len(ended) > 0 {
				rt.Fatalf("%v ended", ended)
			}
		}
		if s.batches() != 1 {
			rt.Fatalf("%d messages to %d tags are %d calls", messages, tags, s.batches())
		}
	})
}

// Where a message needs several calls the others keep to the same pages, or five
// messages to forty tags would be twenty calls and not four.
func TestMessagesKeepToThePagesOfTheFirst(t *testing.T) {
	t.Attr("guards", "fewest calls")
	t.Parallel()
	const messages, tags = 5, 40
	worst, sum := 0, 0
	const rounds = 20
	for seed := range uint64(rounds) {
		s := newScheduler()
		r := rand.New(rand.NewPCG(seed, 1))
		n := 0
		for text := range messages { // one campaign after the other
			for _, tag := range r.Perm(tags) {
				n++
				s.Add(start, digestOf(t, n, text, tag, messages))
			}
		}
		worst, sum = max(worst, s.batches()), sum+s.batches()
	}
	if worst > tags/audience.MaxTags {
		t.Errorf("up to %d calls, %v in the mean, want %d", worst, float64(sum)/rounds, tags/audience.MaxTags)
	}
	mixed := 0
	for seed := range uint64(rounds) {
		s := newScheduler()
		r := rand.New(rand.NewPCG(seed, 2))
		for n, cell := range r.Perm(messages * tags) {
			s.Add(start, digestOf(t, n, cell/tags, cell%tags, messages))
		}
		mixed += s.batches()
	}
	// A page may be left with room when tags that were together did not fit.
	if most := tags/audience.MaxTags + 1; mixed > rounds*most {
		t.Errorf("mixed: %v calls in the mean, want at most %d", float64(mixed)/rounds, most)
	}
}

// What was kept apart for the sake of messages that did not come goes together.
func TestPagesDoNotCostCalls(t *testing.T) {
	t.Attr("guards", "fewest calls")
	t.Parallel()
	s := New(Config{Budget: newBudget(time.Second, 24*time.Hour, 100_000), Memory: NewMemory(time.Hour, 1000)})
	n := 0
	add := func(text, tag int) {
		n++
		s.Add(start, digestOf(t, n, text, tag, 5))
	}
	for tag := range 40 {
		add(0, tag)
	}
	for _, tag := range []int{0, 10, 20, 30} {
		add(1, tag)
		add(2, tag)
	}
	add(3, 0) // one of them came here
	calls := map[string]int{}
	for now := start.Add(time.Minute); s.Total() > 0; now = now.Add(2 * time.Second) {
		if b := s.Next(now).Batch; b != nil {
			calls[fmt.Sprintf("%d messages to %d", len(b.Messages), b.Audience.Len())]++
			s.Done(now, b, Verdict{Result: Pushed, End: now, Counted: true, Reached: true})
		}
	}
	if want := map[string]int{"1 messages to 10": 4, "3 messages to 1": 1, "2 messages to 3": 1}; !maps.Equal(calls, want) {
		t.Errorf("calls %v, want %v", calls, want)
	}
}

// Uniting what goes does not make a request larger than allowed.
func TestPagesAreUnitedWithinARequest(t *testing.T) {
	t.Attr("guards", "request size")
	t.Parallel()
	var ten []string
	for tag := range audience.MaxTags {
		ten = append(ten, fmt.Sprint("tag-", 30+tag))
	}
	most := message(t, "0").RequestSize(must(audience.OfAnyTag(ten...)))
	s := New(Config{Budget: newBudget(time.Second, 24*time.Hour, 100_000), Memory: NewMemory(time.Hour, 1000), MaxBytes: most})
	n := 0
	add := func(text, tag int) {
		n++
		s.Add(start, digestOf(t, n, text, tag, 5))
	}
	for tag := range 40 {
		add(0, tag)
	}
	for _, tag := range []int{0, 1, 10, 11, 20, 21, 30, 31} {
		add(1, tag)
		add(2, tag)
	}
	united := 0
	for now := start.Add(time.Minute); s.Total() > 0; now = now.Add(2 * time.Second) {
		b := s.Next(now).Batch
		if b == nil {
			continue
		}
		size := b.Messages[0].RequestSize(b.Audience)
		for _, m := range b.Messages[1:] {
			size += m.AddedSize()
		}
		if size > most {
			t.Errorf("%d messages to %v have %d bytes, allowed %d", len(b.Messages), b.Audience, size, most)
		}
		if len(b.Messages) == 2 && b.Audience.Len() > 2 {
			united++
		}
		s.Done(now, b, Verdict{Result: Pushed, End: now, Counted: true, Reached: true})
	}
	if united == 0 {
		t.Error("no pages were united")
	}
}
