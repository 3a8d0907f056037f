package shadow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
	"pushbridge/internal/simulate"
	"pushbridge/schemas"
)

const rulesText = `
version: 1
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    delivery:
      max_delay: 10s
      expire_after: 1h
`

func sideOf(t *testing.T, text string) Side {
	t.Helper()
	rules, err := mapper.Parse("rules.yaml", []byte(text), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	lanes := rules.Lanes()
	for i := range lanes {
		lanes[i].Terms.Calls, lanes[i].Terms.Interval = 1000, 1100*time.Millisecond
	}
	return Side{Rules: rules, Lanes: lanes}
}

// run is a Runner in a bubble, with what it told.
type run struct {
	*Runner
	t    *testing.T
	n    int64
	told []Told

	onTell func() // nil: nothing
}

func inBubble(t *testing.T, maxOpen int, test func(*testing.T, *run)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &run{t: t}
		var err error
		r.Runner, err = New(Config{
			Simulate: simulate.Config{DedupWindow: time.Hour, DedupMax: 1000, Settle: time.Second}, MaxOpen: maxOpen,
			Tell: func(_ context.Context, x Told) error {
				if r.onTell != nil {
					r.onTell()
				}
				r.told = append(r.told, x)
				return nil
			},
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); r.Run(ctx) }()
		defer func() { stop(); <-ended }()
		test(t, r)
	})
}

func (r *run) compare(live, candidate string) {
	r.t.Helper()
	r.Compare(r.t.Context(), &Plan{Live: sideOf(r.t, live), Candidate: sideOf(r.t, candidate)})
	synctest.Wait()
}

// feed hands over a promo.
func (r *run) feed(text string, tags ...string) {
	r.t.Helper()
	r.n++
	e := event.New()
	e.SetID(fmt.Sprint("e", r.n))
	e.SetSource("/test")
	e.SetType("promo")
	if err := e.SetData(event.ApplicationJSON, map[string]any{"text": text, "tags": tags}); err != nil {
		r.t.Fatal(err)
	}
	r.Feed(offset.Position{Partition: offset.Partition{Topic: "events"}, Offset: r.n}, &e, time.Now())
	synctest.Wait()
}

func (r *run) sleep(d time.Duration) { time.Sleep(d); synctest.Wait() }

// differed returns what was told of single events: id and what differs.
func (r *run) differed() string {
	var all []string
	for _, x := range r.told {
		if d := x.Difference; d != nil {
			all = append(all, d.EventID+": "+strings.Join(d.Differs, "+"))
		}
	}
	return strings.Join(all, ", ")
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestWhatDiffers(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct{ from, to, differs string }{
		"nothing":      {"max_delay", "max_delay", ""},
		"how long":     {"max_delay: 10s", "max_delay: 20s", ""},
		"what is said": {"${data.text}", "now: ${data.text}", "e1: message, e2: message"},
		"who":          {`"${data.tags}"`, `"${data.tags + ['all']}"`, "e1: audience, e2: audience"},
		"how urgently": {"max_delay: 10s", "priority: high\n      max_delay: 10s", "e1: priority, e2: priority"},
		"which rule":   {"name: promo", "name: promotion", "e1: rule, e2: rule"},
		"no rule":      {"    audience:", "    when: data.text != 'cars'\n    audience:", "e2: rule+disposition"},
		"a failure":    {"${data.text}", "${data.text == 'cars' ? string(data.none) : data.text}", "e2: disposition"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 100, func(t *testing.T, r *run) {
				r.compare(rulesText, strings.Replace(rulesText, tt.from, tt.to, 1)+"# another\n")
				r.feed("sale", "gold")
				r.feed("cars", "silver")
				r.sleep(2 * time.Minute)
				got := r.differed()
				want(t, "differences", got, tt.differs)
				s := r.Status()
				want(t, "events", s.Events, 2)
				want(t, "open", s.Open, 0)
				want(t, "live calls", s.Live.Calls, 2)
				want(t, "state", s.State, StateComparing)
			})
		})
	}
}

// A candidate that spends its calls sooner shows it.
func TestOutcomes(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, 100, func(t *testing.T, r *run) {
		r.compare(rulesText, strings.Replace(rulesText, "delivery:", "coalesce: {mode: none}\n    delivery:", 1))
		for _, tag := range []string{"gold", "silver", "bronze"} {
			r.feed("sale", tag)
		}
		r.sleep(6 * time.Minute)
		s := r.Status()
		want(t, "live calls", s.Live.Calls, 1)
		want(t, "shadow calls", s.Shadow.Calls, 3)
		want(t, "shadow pushed", s.Shadow.Ends["pushed"], 3)
		want(t, "differing", s.Differing, 0)
		summaries := 0
		for _, x := range r.told {
			if x.Summary != nil {
				summaries++
			}
		}
		want(t, "summaries", summaries, 1)
		r.sleep(25 * time.Hour)
		want(t, "calls of the last day", r.Status().Live.CallsDay, 0)
	})
}

// However much differs, what is told and remembered is bounded, and what does not fit
// is left out by both.
func TestBounds(t *testing.T) {
	t.Attr("guards", "shadow rules cost the live pipeline nothing")
	t.Parallel()
	inBubble(t, 50, func(t *testing.T, r *run) {
		r.compare(rulesText, strings.Replace(rulesText, "${data.text}", "now: ${data.text}", 1))
		for n := range 120 {
			r.feed(fmt.Sprint("text ", n), "gold")
			if n == 59 {
				r.sleep(3 * time.Minute) // the first 50 end
			}
		}
		r.sleep(30 * time.Minute)
		s := r.Status()
		want(t, "played", s.Events, 100)
		want(t, "left out", s.Skipped, 20)
		want(t, "differing", s.Differing, 100)
		want(t, "told and not", s.DifferencesTold+s.DifferencesUnsaid, 100)
		want(t, "examples", len(s.Examples), examplesMax)
		if s.DifferencesTold > 30*tellBurst {
			t.Errorf("%d differences told", s.DifferencesTold)
		}
	})
}

// The queue is bounded by what is in it, and who feeds never waits.
func TestFeedNeverWaits(t *testing.T) {
	t.Attr("guards", "shadow rules cost the live pipeline nothing")
	t.Parallel()
	r, err := New(Config{MaxOpen: 1, Tell: func(context.Context, Told) error { return nil }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e := event.New()
	e.SetID("e")
	e.SetSource("/test")
	e.SetType("promo")
	if err := e.SetData(event.TextPlain, strings.Repeat("x", 1<<20)); err != nil {
		t.Fatal(err)
	}
	r.Feed(offset.Position{}, &e, time.Now())
	want(t, "queued while nothing is compared", len(r.queue), 0)
	r.active.Store(true)
	for range 2 * queueMax { // nobody runs it
		r.Feed(offset.Position{}, &e, time.Now())
	}
	want(t, "queued", len(r.queue), queueBytesMax>>20)
	want(t, "skipped", r.skipped.Load(), 2*queueMax-queueBytesMax>>20)
}

// Whatever goes wrong in it, only it ends.
func TestFailuresAreContained(t *testing.T) {
	t.Attr("guards", "shadow rules cost the live pipeline nothing")
	t.Parallel()
	inBubble(t, 100, func(t *testing.T, r *run) {
		// A lane that is in the file and not among the terms, which nobody should hand in.
		broken := sideOf(t, strings.Replace(rulesText, "rules:", "lanes: [{name: partner}]\nrules:", 1)+"      lane: partner\n")
		broken.Lanes = broken.Lanes[:1]
		r.Compare(t.Context(), &Plan{Live: sideOf(t, rulesText), Candidate: broken})
		synctest.Wait()
		r.feed("sale", "gold")
		s := r.Status()
		if s.State != StateFailed || !strings.Contains(s.Error, `lane "partner" has no terms`) {
			t.Errorf("state %q, error %q", s.State, s.Error)
		}
		r.feed("sale", "gold")
		// The next candidate begins anew.
		r.compare(rulesText, rulesText+"# another\n")
		r.feed("sale", "gold")
		r.sleep(time.Minute)
		want(t, "state", r.Status().State, StateComparing)
		want(t, "events", r.Status().Events, 1)
		r.Compare(t.Context(), nil)
		synctest.Wait()
		want(t, "state without a candidate", r.Status().State, StateOff)
	})
}

// A panic is no more than a failure, wherever in a comparison's life it comes.
func TestPanicsAreContained(t *testing.T) {
	t.Attr("guards", "shadow rules cost the live pipeline nothing")
	t.Parallel()
	for name, breakIt := range map[string]func(*run){
		"at the beginning": func(r *run) {
			r.Compare(r.t.Context(), &Plan{Live: sideOf(r.t, rulesText)})
		},
		"in a step": func(r *run) {
			r.compare(rulesText, rulesText+"# another\n")
			r.queue <- fed{at: time.Now()} // no event
		},
		"in telling": func(r *run) {
			r.onTell = func() { panic("a mistake") }
			r.compare(rulesText, strings.Replace(rulesText, "${data.text}", "now: ${data.text}", 1))
			r.feed("sale", "gold")
			r.sleep(time.Minute)
		},
		"in the last summary": func(r *run) {
			r.fail(errors.New("panic: another"), &comparison{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 100, func(t *testing.T, r *run) {
				r.t = t
				breakIt(r)
				synctest.Wait()
				if s := r.Status(); s.State != StateFailed || !strings.HasPrefix(s.Error, "panic: ") {
					t.Errorf("state %q, error %q", s.State, s.Error)
				}
				r.onTell = nil
				r.compare(rulesText, rulesText+"# another\n")
				r.feed("sale", "gold")
				r.sleep(time.Minute)
				want(t, "state of the next comparison", r.Status().State, StateComparing)
				want(t, "its events", r.Status().Events, 1)
			})
		})
	}
}

// What is told keeps its schema, whatever it is.
func TestWhatIsToldKeepsItsSchema(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	for _, name := range []string{"bridge.shadow.differed.v1.json", "bridge.shadow.compared.v1.json"} {
		raw, err := schemas.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(schemas.Base+name, document); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, name string, v any) {
		t.Helper()
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		data, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.MustCompile(schemas.Base + name).Validate(data); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
	inBubble(t, 100, func(t *testing.T, r *run) {
		check(t, "bridge.shadow.compared.v1.json", r.Status())
		r.compare(rulesText, strings.Replace(rulesText, "    audience:", "    when: data.text != 'cars'\n    audience:", 1))
		r.feed("sale", "gold")
		r.feed("cars", "gold")
		r.feed("bad")
		r.sleep(6 * time.Minute)
		if len(r.told) != 2 {
			t.Fatalf("told %d, want a difference and a summary", len(r.told))
		}
		check(t, "bridge.shadow.differed.v1.json", r.told[0].Difference)
		check(t, "bridge.shadow.compared.v1.json", r.told[1].Summary)
	})
}
