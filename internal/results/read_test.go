package results

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

func TestParseToldReadsWhatIsTold(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	d := journal.Disposition{
		Origin: intent.Origin{
			Position: offset.Position{Partition: offset.Partition{Topic: "bridge.replay", ID: 1}, Offset: 7},
			Source:   "/s", ID: "1", Type: "x", Received: at, ReplayID: "r1", ReplayOf: "in/0@3",
		},
		Rule: "r", Kind: journal.Expired, At: at.Add(time.Hour), More: true, Reason: "replay r1 was cancelled", PushID: "p", Lane: "partner",
	}
	want := Told{
		ID: "bridge.replay/1@7:r:expired", Position: d.Origin.Position, Kind: journal.Expired, More: true, Rule: "r", Lane: "partner", PushID: "p",
		Reason: d.Reason, Received: at, Decided: d.At, EventSource: "/s", EventID: "1", EventType: "x", ReplayID: "r1", ReplayOf: "in/0@3",
	}
	for name, f := range map[string]Format{"structured": {SDKAppID: 1}, "binary": {SDKAppID: 1, Binary: true}, "with a prefix": {SDKAppID: 1, Prefix: "com.example"}} {
		m, _ := newEncoder(f).eventDisposed(nil, &d)
		headers := make([]Header, len(m.Headers))
		for i, h := range m.Headers {
			headers[i] = Header(h)
		}
		got, ok, err := ParseTold(m.Value, headers)
		if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
			t.Errorf("%s: %v, %v (-want +got):\n%s", name, ok, err, diff)
		}
	}
}

// What others write to the topic is an error, never a panic; what we write beside
// ends is neither.
func FuzzParseTold(f *testing.F) {
	f.Add([]byte(`{"type":"bridge.event.disposed.v1","data":{"topic":"a","disposition":"pushed"}}`), "")
	f.Add([]byte(`{"type":"bridge.push.completed.v1"}`), "")
	f.Add([]byte(`{"topic":"a","disposition":"expired"}`), "bridge.event.disposed.v1")
	f.Fuzz(func(t *testing.T, value []byte, typ string) {
		var headers []Header
		if typ != "" {
			headers = []Header{{Key: "ce_type", Value: []byte(typ)}}
		}
		told, ok, err := ParseTold(value, headers)
		if ok && (err != nil || told.Position.Topic == "" || told.Kind == 0) {
			t.Errorf("%+v, %v", told, err)
		}
	})
}
