package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// drawDispositions draws events of few partitions and rules, so that they meet.
func drawDispositions(t *rapid.T) []Disposition {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Disposition {
		return Disposition{
			Origin: intent.Origin{Position: offset.Position{
				Partition: offset.Partition{Topic: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "topic"), ID: rapid.Int32Range(0, 2).Draw(t, "partition")},
				Offset:    rapid.OneOf(rapid.Int64Range(0, 60), rapid.Int64Range(1<<40, 1<<40+60)).Draw(t, "offset"),
			}},
			Rule:   rapid.SampledFrom([]string{"", "vip", "<all>"}).Draw(t, "rule"),
			Kind:   rapid.SampledFrom(Kinds[:]).Draw(t, "kind"),
			At:     time.Unix(rapid.Int64Range(0, 10).Draw(t, "at"), 0),
			PushID: rapid.SampledFrom([]string{"", "p1", "p2"}).Draw(t, "push"),
			More:   rapid.Bool().Draw(t, "more"),
			Doubt:  rapid.Bool().Draw(t, "doubt"),
		}
	}), 0, 200).Draw(t, "dispositions")
}

// restored is what the records say, by the code that recovery runs.
func restored(t interface{ Fatal(...any) }, records [][]byte) (*State, []ended) {
	h := newHistory(24*time.Hour, 1000)
	var all []ended
	for _, value := range records {
		r, err := parse(value)
		if err == nil {
			all = append(all, r.Dispositions...)
			err = h.add(r, int64(h.records))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return h.state(Clocks{Now: time.Unix(100, 0)}), all
}

func TestCompactFormKeepsEveryDisposition(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ds := drawDispositions(t)
		if len(ds) == 0 {
			return
		}
		records, err := encodeDispositions(ds)
		if err != nil {
			t.Fatal(err)
		}
		s, groups := restored(t, records)

		type fact struct { // the slow, obvious answer
			position         offset.Position
			kind, rule, push string
			more, doubt      bool
		}
		want, got := map[fact]bool{}, map[fact]bool{}
		for _, d := range ds {
			p := d.Origin.Position
			want[fact{p, d.Kind.String(), d.Rule, d.PushID, d.More, d.Doubt}] = true
			if d.More && !s.EndedUnder(p, d.Rule) || !d.More && !s.Ended(p) {
				t.Fatalf("%v under %q, more %v: its end was forgotten", p, d.Rule, d.More)
			}
		}
		for _, g := range groups {
			for _, e := range g.Events {
				for _, run := range e.Runs.Ranges() {
					for o := run.First; o <= run.Last; o++ {
						got[fact{offset.Position{Partition: e.partition(), Offset: o}, g.Kind, g.Rule, g.Push, g.More, g.Doubt}] = true
					}
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("facts (-written +read):\n%s", diff)
		}
		for p, set := range s.Disposed {
			for _, run := range set.Ranges() {
				for o := run.First; o <= run.Last; o++ {
					at := offset.Position{Partition: p, Offset: o}
					if !slices.ContainsFunc(ds, func(d Disposition) bool { return d.Origin.Position == at && !d.More }) {
						t.Fatalf("%v ended, says the state, and nobody wrote that", at)
					}
				}
			}
		}
	})
}

func TestRunsRefuseWhatNoSetWrites(t *testing.T) {
	t.Attr("guards", "a broken record is seen, not half understood")
	t.Parallel()

	for name, tt := range map[string]struct {
		in   string
		want []offset.Range
		ok   bool
	}{
		"none":           {in: `[]`, ok: true},
		"first at 0":     {in: `[0,1]`, want: []offset.Range{{First: 0, Last: 0}}, ok: true},
		"two runs":       {in: `[5,2,1,3]`, want: []offset.Range{{First: 5, Last: 6}, {First: 8, Last: 10}}, ok: true},
		"last offset":    {in: `[9223372036854775806,1]`, want: []offset.Range{{First: 9223372036854775806, Last: 9223372036854775806}}, ok: true},
		"past the last":  {in: `[9223372036854775806,2]`},
		"gap too wide":   {in: `[5,1,9223372036854775807,1]`},
		"odd":            {in: `[5]`},
		"empty run":      {in: `[5,0]`},
		"runs that meet": {in: `[5,1,0,1]`},
		"negative":       {in: `[-1,1]`},
		"no numbers":     {in: `["5",1]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r runs
			if err := r.UnmarshalJSON([]byte(tt.in)); (err == nil) != tt.ok {
				t.Fatalf("err = %v, want none: %v", err, tt.ok)
			}
			if !slices.Equal(r.Ranges(), tt.want) {
				t.Errorf("ranges %v, want %v", r.Ranges(), tt.want)
			}
		})
	}
}

// The design's bound: a push that covers 200,000 events is one record well under
// 1 MB. What a broker limits is the batch as it is sent, compressed.
func TestTwoHundredThousandEventsAreOneRecord(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	const n, partitions, first = 200_000, 5, 7_000_000_000
	for name, chance := range map[string]float64{"all of the topic": 1, "every second or so": .5, "one in ten": .1, "one in a hundred": .01} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			var ds []Disposition
			sets := map[int32][]int64{}
			for p := range int32(partitions) {
				for o := int64(first); len(sets[p]) < n/partitions; o += 1 + int64(rng.ExpFloat64()*(1/chance-1)) {
					sets[p] = append(sets[p], o)
					ds = append(ds, Disposition{
						Origin: intent.Origin{Position: offset.Position{Partition: offset.Partition{Topic: "member.promo", ID: p}, Offset: o}},
						Kind:   Pushed, Rule: "vip", PushID: "p1", TaskID: "task", At: time.Unix(0, int64(len(ds))),
					})
				}
			}
			// A batch is in the order of its heap, not of Kafka.
			rng.Shuffle(len(ds), func(i, j int) { ds[i], ds[j] = ds[j], ds[i] })
			a := attemptOf(t, "p1", time.Unix(0, 0))
			a.Covers = nil
			for p, offsets := range sets {
				a.Covers = append(a.Covers, Cover{Rule: "vip", Partition: offset.Partition{Topic: "member.promo", ID: p}, Offsets: setOf(offsets)})
			}
			attempts, err := encodeAttempt(&a, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			outcomes, err := encodeOutcome(&Outcome{ID: "p1", Number: 1, Class: ClassOK}, time.Time{}, ds)
			if err != nil {
				t.Fatal(err)
			}
			for what, records := range map[string][][]byte{"attempt": attempts, "outcome": outcomes} {
				size, sent := 0, 0
				for _, r := range records {
					z := compressed(t, r)
					size, sent = size+len(r), sent+z
					if len(r) > maxRecord || z > 500_000 {
						t.Errorf("%s: a record of %d bytes, %d compressed", what, len(r), z)
					}
				}
				t.Logf("%s: %d record(s), %d bytes, %d sent", what, len(records), size, sent)
				if chance >= .1 && len(records) != 1 {
					t.Errorf("%s: %d records, want 1", what, len(records))
				}
			}
			s, _ := restored(t, append(attempts, outcomes...))
			if len(s.Partial) != 0 || len(s.InDoubt) != 0 {
				t.Errorf("%d partial, %d in doubt; want none", len(s.Partial), len(s.InDoubt))
			}
			total := int64(0)
			for _, set := range s.Disposed {
				total += set.Len()
			}
			if total != n {
				t.Errorf("%d events ended, want %d", total, n)
			}
		})
	}
}

func compressed(t *testing.T, b []byte) int {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestHugeAttemptIsSplitAndComesBackWhole(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	a := attemptOf(t, "p1", time.Unix(50, 0).UTC())
	a.Covers = nil
	for p := range int32(2) {
		var offsets []int64
		for o := range int64(100_000) {
			offsets = append(offsets, 3*o+int64(p))
		}
		for _, part := range []bool{false, true} {
			a.Covers = append(a.Covers, Cover{Rule: "vip", Part: part, Partition: offset.Partition{Topic: "t", ID: p}, Offsets: setOf(slices.Clone(offsets))})
		}
	}
	records, err := encodeAttempt(&a, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(records) < 3 {
		t.Fatalf("%d records: not split, the test proves nothing", len(records))
	}
	for i, r := range records {
		if len(r) > maxRecord {
			t.Errorf("record %d has %d bytes, want at most %d", i, len(r), maxRecord)
		}
	}
	// A repeated write may have left a part twice.
	s, _ := restored(t, slices.Insert(records, 1, records[0]))
	if diff := cmp.Diff([]Attempt{a}, s.InDoubt, sameAttempts); diff != "" {
		t.Errorf("in doubt (-want +got):\n%.2000s", diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, example := range examples(f) {
		f.Add([]byte(example))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := parse(value)
		if err != nil || newHistory(24*time.Hour, 1000).add(r, 0) != nil {
			return
		}
		// What was understood is written so that it is understood as the same.
		again, err := encode(*r)
		if err != nil {
			if r.Attempt != nil { // an absent condition or message has no encoding
				return
			}
			t.Fatal(err)
		}
		s, _ := restored(t, [][]byte{value})
		s2, _ := restored(t, [][]byte{again})
		if a, b := fmt.Sprint(show(s)), fmt.Sprint(show(s2)); a != b {
			t.Fatalf("%s\nwas understood as\n%s\nbut written as\n%s\nwhich is\n%s", value, a, again, b)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	ds := make([]Disposition, 1000)
	for i := range ds {
		ds[i] = Disposition{Kind: Unmatched, At: time.Unix(0, int64(i)), Origin: intent.Origin{Position: offset.Position{Partition: promo, Offset: 1e9 + int64(i)}}}
	}
	b.ReportAllocs()
	for b.Loop() {
		records, err := encodeDispositions(ds)
		if err != nil || len(records) != 1 {
			b.Fatal(len(records), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ds)), "ns/event")
}

func TestKindsHaveTheDesignsWords(t *testing.T) {
	t.Attr("guards", "names")
	t.Parallel()
	want := "pushed superseded duplicate expired unmatched rejected dead-lettered"
	var words []string
	for _, k := range Kinds {
		words = append(words, k.String())
		if back, err := ParseKind(k.String()); back != k || err != nil {
			t.Errorf("ParseKind(%v) = %v, %v", k, back, err)
		}
	}
	if got := strings.Join(words, " "); got != want {
		t.Errorf("kinds %s, want %s", got, want)
	}
	if _, err := ParseKind("eaten"); err == nil {
		t.Error("ParseKind knows a disposition that there is not")
	}
}

// What let a call go stands beside it, in a record that the first bridge with approvals
// reads too: it takes them for approvals that are written once more.
func TestAttemptHasItsApprovals(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	want := []Approval{{ID: "0123456789abcdef0123456789abcdef", Rule: "news", Author: "ann", Comment: "read it", At: at}}
	a := attemptOf(t, "p", at, 7)
	for version, approvals := range map[string][]Approval{`{"v":4,`: nil, `{"v":5,`: want} {
		a.Approvals = approvals
		records, err := encodeAttempt(&a, at)
		if err != nil || len(records) != 1 || !bytes.HasPrefix(records[0], []byte(version)) {
			t.Fatalf("%s, %v", records, err)
		}
		validate(t, compileSchema(t), records[0])
		if e := entryOf(0, at, records[0]); !slices.Equal(e.Attempt.Approvals, approvals) {
			t.Errorf("read back as %+v", e.Attempt)
		}
		s, _ := restored(t, records)
		if len(s.Unended) != 1 || !slices.Equal(s.Unended[0].Attempt.Approvals, approvals) || !slices.Equal(s.Approvals, approvals) {
			t.Errorf("restored as %+v, approvals %+v", s.Unended, s.Approvals)
		}
	}
}

// What has no approval is written as before there were any, so that the bridge of
// before can read it.
func TestOnlyApprovalsNeedTheirVersion(t *testing.T) {
	t.Attr("guards", "who never asks for approval can go back to the bridge of before")
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	want := Approval{ID: "0123456789abcdef0123456789abcdef", Rule: "<news>", Author: "ann", Comment: "a & b", At: at}
	for name, tt := range map[string]struct {
		notes   Notes
		version string
	}{
		"without": {Notes{Told: 7}, `{"v":4,`},
		"with":    {Notes{Told: 7, Approvals: []Approval{want}}, `{"v":5,`},
	} {
		records, err := encodeNotes(&tt.notes, at)
		if err != nil || len(records) != 1 || !bytes.HasPrefix(records[0], []byte(tt.version)) {
			t.Errorf("%s: %s, %v", name, records, err)
			continue
		}
		validate(t, compileSchema(t), records[0])
		if e := entryOf(0, at, records[0]); !slices.Equal(e.Notes.Approvals, tt.notes.Approvals) || e.Notes.Told != 7 {
			t.Errorf("%s: read back as %+v", name, e.Notes)
		}
		if s, _ := restored(t, records); !slices.Equal(s.Approvals, tt.notes.Approvals) {
			t.Errorf("%s: restored as %+v", name, s.Approvals)
		}
	}
}
