package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
	"pushbridge/schemas"
)

// TestState runs the scripts of testdata/state: records as they stand in the
// topic, and what a bridge that starts then knows. Every record in them is held
// against the schema.
func TestState(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	schema := compileSchema(t)
	datadriven.Walk(t, "testdata/state", func(t *testing.T, path string) {
		h := newHistory(24*time.Hour, 1000)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "records":
				for line := range strings.Lines(d.Input) {
					validate(t, schema, []byte(line))
					r, err := parse([]byte(line))
					if err == nil {
						err = h.add(r, int64(h.records))
					}
					if err != nil {
						return err.Error()
					}
				}
				return fmt.Sprintf("%d read", h.records)
			case "start":
				clocks := Clocks{Now: instant(t, d, "at")}
				if d.HasArg("broker") { // its clock
					clocks.Broker = instant(t, d, "broker")
				}
				var fenced []string
				if d.HasArg("fenced") { // forgets the others for good
					fenced = make([]string, 1)
					d.ScanArgs(t, "fenced", &fenced[0])
				}
				s := h.state(clocks, fenced...)
				return show(s) + showUntold(s)
			case "repeated": // whether the event was seen in another record
				var source, id, in string
				var o int64
				d.ScanArgs(t, "event", &source, &id)
				d.ScanArgs(t, "in", &in)
				d.ScanArgs(t, "offset", &o)
				first, ok := h.seen.First(instant(t, d, "at"), PrintOf(intent.EventKey{Source: source, ID: id}))
				return fmt.Sprintln(ok && first != offset.Position{Partition: offset.Partition{Topic: in}, Offset: o})
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

func instant(t *testing.T, d *datadriven.TestData, key string) time.Time {
	t.Helper()
	var text string
	d.ScanArgs(t, key, &text)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return at
}

// show prints a state for people, in one order.
func show(s *State) string {
	var b strings.Builder
	for _, c := range s.Calls {
		fmt.Fprintf(&b, "call ended %s", c.End.UTC().Format(time.RFC3339Nano))
		for _, note := range []struct {
			is   bool
			text string
		}{{c.App != 0, fmt.Sprintf("app %d", c.App)}, {c.Lane != "", "lane " + c.Lane}, {c.Pool != "", "pool " + c.Pool}, {!c.Condition.IsZero(), "to " + c.Condition.String()}, {c.Class != "", c.Class}, {!c.Counted, "not counted"}} {
			if note.is {
				b.WriteString(", " + note.text)
			}
		}
		b.WriteByte('\n')
	}
	sets := func(word string, m map[offset.Partition]*offset.Set) {
		for _, p := range slices.SortedFunc(maps.Keys(m), offset.Partition.Compare) {
			fmt.Fprintf(&b, "%s %v %v\n", word, p, m[p].Ranges())
		}
	}
	sets("ended", s.Disposed)
	for _, rule := range slices.Sorted(maps.Keys(s.ByRule)) {
		sets("ended under "+rule, s.ByRule[rule])
	}
	for _, a := range s.InDoubt {
		fmt.Fprintf(&b, "in doubt %s.%d random %d to %v, %d events, %v\n", a.ID, a.Number, a.Random, a.Condition, a.Events(), a.OnDoubt)
	}
	for _, a := range s.Partial {
		fmt.Fprintf(&b, "partial %s.%d to %v\n", a.Attempt.ID, a.Attempt.Number, a.Attempt.Condition)
	}
	for _, a := range s.Approvals {
		fmt.Fprintf(&b, "approved %s under %s by %s at %s: %q\n", a.ID, a.Rule, a.Author, a.At.Format(time.RFC3339), a.Comment)
	}
	return b.String()
}

// showUntold prints what a start writes and tells before all else.
func showUntold(s *State) string {
	var b strings.Builder
	for _, c := range s.Unended {
		fmt.Fprintf(&b, "unended %s: %s\n", c.Attempt.Name(), c.Outcome.Class)
	}
	for _, c := range s.UntoldCalls {
		fmt.Fprintf(&b, "untold call %s %s\n", c.Attempt.Name(), c.Outcome.Class)
	}
	for _, e := range s.Untold {
		fmt.Fprintf(&b, "untold %v %s", e.Kind, e.Rule)
		for _, p := range slices.SortedFunc(maps.Keys(e.Events), offset.Partition.Compare) {
			fmt.Fprintf(&b, " %v %v", p, e.Events[p].Ranges())
		}
		if e.By != "" {
			b.WriteString(", by " + e.By)
		}
		if !e.PushedAt.IsZero() {
			fmt.Fprintf(&b, ", pushed %s", e.PushedAt.UTC().Format(time.RFC3339Nano))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// examples returns the records of the scripts.
func examples(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/state/*")
	if err != nil || len(files) == 0 {
		tb.Fatal("no scripts", err)
	}
	var lines []string
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
			if strings.HasPrefix(s.Text(), "{") {
				lines = append(lines, s.Text())
			}
		}
	}
	return lines
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	raw, err := schemas.FS.ReadFile("journal.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(schemas.Base+"journal.v1.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(schemas.Base + "journal.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, value []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%s\n%v", value, err)
	}
}

func TestWhatIsWrittenKeepsTheSchema(t *testing.T) {
	t.Attr("guards", "schemas/journal.v1.json")
	t.Parallel()
	schema := compileSchema(t)

	start := time.Unix(1000, 5)
	a := attemptOf(t, "p1", start, 1, 2, 9)
	a.Covers[0].Part = true
	full := Disposition{
		Kind: Rejected, Rule: "vip", At: start, PushID: "p1", TaskID: "t", Code: 90001, Info: "bad", Why: "deadline", Doubt: true, More: true,
		Lane: "alerts", App: 1400000001,
	}
	full.Origin.Position.Topic = "t"
	var records [][]byte
	for _, encoded := range []func() ([][]byte, error){
		func() ([][]byte, error) { return encodeAttempt(&a, start) },
		func() ([][]byte, error) {
			other := a
			other.Lane, other.App, other.Pool = "alerts", 1400000001, "storms"
			return encodeAttempt(&other, time.Time{})
		},
		func() ([][]byte, error) {
			return encodeOutcome(&Outcome{ID: "p1", Number: 1, Lane: "alerts", App: 1400000001, Class: ClassVoid}, time.Time{}, nil)
		},
		func() ([][]byte, error) {
			return encodeOutcome(&Outcome{ID: "p1", Number: 1, Class: ClassVoid}, time.Time{}, nil)
		},
		func() ([][]byte, error) {
			return encodeOutcome(&Outcome{ID: "p1", Number: 2, Class: "reject", Code: 90001, Info: "bad", Started: start, Ended: start, Counted: true}, start, []Disposition{full})
		},
		func() ([][]byte, error) {
			b, err := encode(record{Started: &started{At: start}})
			return [][]byte{b}, err
		},
		func() ([][]byte, error) {
			older := disposed(Superseded, "vip", 1)
			older[0].By = "/crm#2"
			return encodeDispositions(older)
		},
		func() ([][]byte, error) { return encodeDispositions(disposed(Unmatched, "", 1, 2)) },
		func() ([][]byte, error) {
			return encodeNotes(&Notes{
				Seen: []Sighting{{Position: offset.Position{Partition: promo, Offset: 9}}, {Position: offset.Position{Partition: promo, Offset: 7}}}, Told: 5,
				Newest: map[offset.Partition]time.Time{promo: start}, Rewound: []offset.Partition{promo}, Fenced: a.Name(),
			}, start)
		},
	} {
		more, err := encoded()
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, more...)
	}
	for _, r := range records {
		validate(t, schema, r)
		if !json.Valid(r) || bytes.ContainsRune(r, '\n') {
			t.Errorf("not one line of JSON: %s", r)
		}
	}
	if err := schema.Validate(map[string]any{"v": json.Number("3"), "outcome": map[string]any{"surprise": true}}); err == nil {
		t.Error("the schema takes anything")
	}
}
