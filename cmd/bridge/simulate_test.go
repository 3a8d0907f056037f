package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pushbridge/internal/simulate"
)

const burstRules = `version: 1
rules:
  - name: promo
    match: {type: member.promo}
    audience: {attrs_all: {level: "${data.level}", city: "${data.city}"}}
    message: [{text: "${data.title}\n${data.text}"}]
    delivery: {max_delay: 2h, expire_after: 12h}
`

// burst is n promos within ten minutes: 5 campaigns, 4 levels, 20 cities.
func burst(n int) []byte {
	random := rand.New(rand.NewPCG(3, 0))
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	for i := range n {
		at := start.Add(time.Duration(i) * 10 * time.Minute / time.Duration(n)).Format("2006-01-02T15:04:05.000Z")
		campaign := random.IntN(5)
		fmt.Fprintf(&b, `{"specversion":"1.0","id":"m-%06d","source":"/crm/campaigns","type":"member.promo","time":"%s","subject":"B%d","datacontenttype":"application/json","data":{"city":"City%d","level":"Level%d","promo_id":"B%d","text":"Offer B%d","title":"Members' offer"}}`+"\n",
			i, at, campaign, random.IntN(20), random.IntN(4), campaign, campaign)
	}
	return b.Bytes()
}

// BenchmarkSimulate is the command's whole work on a burst of promos, decoding
// included. It prints events/s.
func BenchmarkSimulate(b *testing.B) {
	const n = 100_000
	rules := filepath.Join(b.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(burstRules), 0o600); err != nil {
		b.Fatal(err)
	}
	events := burst(n)
	b.ReportAllocs()
	for b.Loop() {
		cmd := newSimulateCmd()
		cmd.SetArgs([]string{"--rules", rules, "--events", "-", "-o", "json"})
		cmd.SetIn(bytes.NewReader(events))
		cmd.SetOut(new(bytes.Buffer))
		if err := cmd.Execute(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
}

// The reader's buffer is 64 KiB; a line may be longer, and its data is read
// before the next line is.
func TestLinesOfAnyLength(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	line := func(id string, pad int) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/a","type":"t","time":"2026-03-02T10:00:00Z","data":{"id":%q,"pad":"%s"}}`, id, id, bytes.Repeat([]byte("x"), pad))
	}
	for name, sorted := range map[string]bool{"as they come": false, "sorted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := line("1", 10) + "\n\r\n" + line("2", 1<<16) + "\r\n" + line("3", 200_000) + "\n" + line("4", 5) // no newline at the end
			var got []string
			source := eventSource{name: "x", in: bytes.NewReader([]byte(in)), sorted: sorted}
			for a, err := range source.arrivals() {
				if err != nil || a.Err != nil {
					t.Fatal(err, a.Err)
				}
				var data struct{ ID string }
				if err := a.Event.DataAs(&data); err != nil || data.ID != a.Event.ID() {
					t.Errorf("line %d: event %s has the data of %q: %v", a.Line, a.Event.ID(), data.ID, err)
				}
				got = append(got, fmt.Sprintf("%d:%s:%d", a.Line, data.ID, len(a.Event.Data())))
			}
			want := fmt.Sprint([]string{"1:1:29", "3:2:65555", "4:3:200019", "5:4:24"})
			if fmt.Sprint(got) != want {
				t.Errorf("lines %v, want %v", got, want)
			}
		})
	}
}

func TestParseLatency(t *testing.T) {
	t.Attr("guards", "a range of latencies is read whole")
	t.Parallel()

	ms := time.Millisecond
	for name, tt := range map[string]struct {
		in      string
		want    simulate.Latency
		wantErr bool
	}{
		"one":         {in: "200ms", want: simulate.Latency{Min: 200 * ms, Max: 200 * ms}},
		"none":        {in: "0s", want: simulate.Latency{}},
		"range":       {in: "60ms..2s", want: simulate.Latency{Min: 60 * ms, Max: 2000 * ms}},
		"equal":       {in: "60ms..60ms", want: simulate.Latency{Min: 60 * ms, Max: 60 * ms}},
		"no unit":     {in: "60..300", wantErr: true},
		"half":        {in: "60ms..", wantErr: true},
		"backwards":   {in: "2s..60ms", wantErr: true},
		"negative":    {in: "-60ms..2s", wantErr: true},
		"microsecond": {in: "60ms..300001us", wantErr: true},
		"empty":       {in: "", wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseLatency(tt.in)
			if (err != nil) != tt.wantErr || err == nil && got != tt.want {
				t.Errorf("parseLatency(%q) = %v, %v; want %v, error %v", tt.in, got, err, tt.want, tt.wantErr)
			}
		})
	}
}
