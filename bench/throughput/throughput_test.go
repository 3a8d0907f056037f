//go:build unix

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// The figures mean something only while the stream asks of the rules what an
// operator's would: without this a renamed field would measure dead letters.
func TestStreamMeetsTheRules(t *testing.T) {
	t.Attr("guards", "what the throughput is measured on")
	t.Parallel()
	compiled, err := mapper.Parse("rules.yaml", rules, mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	shares := map[string]int{}
	ids := map[string]bool{}
	size := 0
	s, again := newStream(), newStream()
	for range n {
		e := s.next()
		if diff := cmp.Diff(structured(again.next()), structured(e)); diff != "" {
			t.Fatalf("two streams differ:\n%s", diff)
		}
		value := message(e, false).Value
		size += len(value)
		got, err := consume.ParseEvent(value)
		if err != nil {
			t.Fatalf("%s\n%v", value, err)
		}
		m := compiled.Map(got, intent.Origin{Source: got.Source(), ID: got.ID(), Type: got.Type(), Received: time.Now()})
		switch {
		case len(m.Failures) > 0:
			t.Fatalf("%s\n%v", value, m.Failures[0])
		case len(m.Intents) == 0:
			shares["unmatched"]++
		case ids[e.id]:
			shares["repeated"]++
		default:
			shares[m.Intents[0].Rule]++
		}
		ids[e.id] = true
	}
	if mean := size / n; mean < valueBytes-10 || mean > valueBytes+10 {
		t.Errorf("events of %d bytes, want some %d", mean, valueBytes)
	}
	for name, percent := range map[string]int{
		"unmatched": 62, "repeated": 3, "region-alert": 15, "member-promo": 9, "order-delay": 4, "stock-back": 3, "press-article": 2, "price-drop": 2,
	} {
		if got := shares[name] * 100 / n; got < percent-2 || got > percent+2 {
			t.Errorf("%s: %d %% of the events, want %d %%", name, got, percent)
		}
	}
}

func TestBinaryMessageIsTheSameEvent(t *testing.T) {
	t.Attr("guards", "what the throughput is measured on")
	t.Parallel()
	e := newStream().next()
	m := message(e, true)
	got := map[string]string{}
	for _, h := range m.Headers {
		got[h.Key] = string(h.Value)
	}
	want := map[string]string{
		"ce_specversion": "1.0", "ce_id": e.id, "ce_source": e.source, "ce_type": e.kind, "ce_subject": e.subject,
		"ce_time": "2026-03-01T09:00:00.001Z", "content-type": "application/json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if string(m.Value) != e.data || !strings.Contains(structured(e), e.data) {
		t.Errorf("the data differs: %s", m.Value)
	}
}

func TestMiddle(t *testing.T) {
	t.Attr("guards", "medians")
	t.Parallel()
	for name, tt := range map[string]struct {
		cpu           []time.Duration
		median, worst time.Duration
	}{
		"one":   {[]time.Duration{7}, 7, 7},
		"odd":   {[]time.Duration{9, 1, 5}, 5, 9},
		"even":  {[]time.Duration{8, 1, 2, 4}, 3, 8},
		"equal": {[]time.Duration{2, 2}, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs []usage
			for _, d := range tt.cpu {
				runs = append(runs, usage{cpu: d})
			}
			median, worst := middle(runs, func(u usage) time.Duration { return u.cpu })
			if median != tt.median || worst != tt.worst {
				t.Errorf("%v, %v; want %v, %v", median, worst, tt.median, tt.worst)
			}
		})
	}
}

func TestLess(t *testing.T) {
	t.Attr("guards", "CPU of starting and stopping is left out, memory is not")
	t.Parallel()
	busy := usage{cpu: 5 * time.Second, peak: 100, wall: time.Second}
	if diff := cmp.Diff(usage{cpu: 3 * time.Second, peak: 100, wall: time.Second}, busy.less(usage{cpu: 2 * time.Second, peak: 90}), cmp.AllowUnexported(usage{})); diff != "" {
		t.Error(diff)
	}
	if got := busy.less(usage{cpu: time.Minute}).cpu; got != 0 {
		t.Errorf("an idle run that took longer leaves %v", got)
	}
}
