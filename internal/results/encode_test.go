package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ce "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/segmentio/kafka-go"
	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
	"pushbridge/schemas"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 5000, time.UTC)

func cause() intent.Origin {
	return intent.Origin{
		Position: offset.Position{Partition: offset.Partition{Topic: "member.promo", ID: 2}, Offset: 1207},
		Key:      []byte("m-17"), Source: "/shop/eu", ID: "e-1", Type: "com.example.member.promo", Received: noon.Add(-time.Minute),
	}
}

// ends holds an example of each disposition, with all that it can carry.
func ends() map[string]journal.Disposition {
	undecodable := intent.Origin{Position: cause().Position, Received: noon}
	traced := cause()
	traced.CorrelationID, traced.Traceparent = "order-5", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	all := map[string]journal.Disposition{
		"pushed": {
			Origin: traced, Rule: "vip", Kind: journal.Pushed, Lane: "alerts", App: 1400000002, PushID: "7f3a", TaskID: "task-9", PushedAt: noon, Parts: 2, Why: "deadline", Doubt: true, More: true,
			RulesVersion: "3f9c", ApprovedBy: []string{"ann", "o'\"neil"},
		},
		"superseded": {Origin: cause(), Rule: "alert", Kind: journal.Superseded, By: "/shop/eu#e-2"},
		"duplicate":  {Origin: cause(), Kind: journal.Duplicate, By: "/shop/eu#e-1"},
		"expired":    {Origin: cause(), Rule: "vip", Kind: journal.Expired},
		"unmatched":  {Origin: cause(), Kind: journal.Unmatched, Reason: "no rule has this type"},
		"rejected": {
			Origin: cause(), Rule: "vip", Kind: journal.Rejected, PushID: "7f3a", Code: 90032, Info: "tags: <too> \"many\"\n\x00", Why: "price",
		},
		"dead-lettered": {Origin: undecodable, Kind: journal.DeadLettered, Reason: "no CloudEvent: \xff"},
	}
	for name, d := range all {
		d.At = noon
		all[name] = d
	}
	return all
}

func calls(t testing.TB) map[string]journal.Completed {
	t.Helper()
	m, err := intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: "hi"}}})
	if err != nil {
		t.Fatal(err)
	}
	region, err := audience.OfAllAttrs(map[string]string{"region": "eu", "level": "gold"})
	if err != nil {
		t.Fatal(err)
	}
	set := new(offset.Set)
	set.AddRange(offset.Range{First: 5, Last: 104})
	attempt := journal.Attempt{
		ID: "7f3a", Number: 2, At: noon, Random: 4294967295, Condition: region, Messages: []intent.Message{m, m}, RulesVersion: "3f9c", Why: "critical",
		Covers: []journal.Cover{
			{Rule: "vip", Partition: offset.Partition{Topic: "member.promo"}, Offsets: set},
			{Rule: "alert", Partition: offset.Partition{Topic: "region.alert"}, Offsets: set},
			{Rule: "vip", Partition: offset.Partition{Topic: "member.promo", ID: 1}, Offsets: set},
		},
	}
	everyone := attempt
	everyone.Condition, everyone.Number = audience.All(), 1
	other := everyone
	other.Lane, other.App = "alerts", 1400000002
	doubted := everyone
	doubted.OnDoubt = intent.Resend
	doubted.Approvals = []journal.Approval{{ID: "0123456789abcdef0123456789abcdef", Rule: "vip", Author: "ann", Comment: "read it", At: noon}}
	return map[string]journal.Completed{
		"call-doubt": {Attempt: doubted, Outcome: journal.Outcome{
			ID: "7f3a", Number: 1, Class: journal.ClassDoubt, Started: noon, Ended: noon.Add(time.Second), Counted: true,
		}},
		"call-ok": {Attempt: attempt, Outcome: journal.Outcome{
			ID: "7f3a", Number: 2, Class: journal.ClassOK, TaskID: "task-9", Started: noon, Ended: noon.Add(300 * time.Millisecond), Counted: true,
		}},
		"call-reject": {Attempt: other, Outcome: journal.Outcome{
			ID: "7f3a", Number: 1, Class: "reject", Code: 90001, Info: "bad <request>", Started: noon, Ended: noon.Add(time.Second),
		}},
		"call-void": {Attempt: everyone, Outcome: journal.Outcome{ID: "7f3a", Number: 1, Class: journal.ClassVoid}},
	}
}

// encoded returns every example as its message.
func encoded(t testing.TB, f Format) map[string]kafka.Message {
	t.Helper()
	if err := f.check(); err != nil {
		t.Fatal(err)
	}
	e := newEncoder(f)
	all := map[string]kafka.Message{}
	var buf []byte // shared, as in Tell
	for name, d := range ends() {
		all[name], buf = e.eventDisposed(buf, &d)
	}
	for name, c := range calls(t) {
		var err error
		if all[name], buf, err = e.eventCompleted(buf, &c); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]Reloaded{
		"reloaded": {RulesVersion: "3f9c", PreviousVersion: "12ab", Rules: 3, At: noon},
		"remapped": {RulesVersion: "3f9c", PreviousVersion: "12ab", Rules: 1, Pending: 40_000, Remapped: true, At: noon},
	} {
		var err error
		if all[name], err = e.eventReloaded(&r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// decode reads a message as the CloudEvents specification's Kafka binding says.
func decode(t testing.TB, m kafka.Message) ce.Event {
	t.Helper()
	headers := map[string]string{}
	for _, h := range m.Headers {
		if _, twice := headers[h.Key]; twice {
			t.Errorf("header %s twice", h.Key)
		}
		headers[h.Key] = string(h.Value)
	}
	got := ce.New()
	if headers["content-type"] == ce.ApplicationCloudEventsJSON {
		if len(headers) != 1 {
			t.Errorf("structured, with headers %v", headers)
		}
		if err := json.Unmarshal(m.Value, &got); err != nil {
			t.Fatalf("%s\n%v", m.Value, err)
		}
		return got
	}
	got.SetDataContentType(headers["content-type"])
	got.SetSpecVersion(headers["ce_specversion"])
	got.SetID(headers["ce_id"])
	got.SetSource(headers["ce_source"])
	got.SetType(headers["ce_type"])
	got.SetSubject(headers["ce_subject"])
	got.SetDataSchema(headers["ce_dataschema"])
	at, err := time.Parse(time.RFC3339Nano, headers["ce_time"])
	if err != nil {
		t.Fatal(err)
	}
	got.SetTime(at)
	for _, known := range []string{"specversion", "id", "source", "type", "subject", "dataschema", "time"} {
		delete(headers, "ce_"+known)
	}
	delete(headers, "content-type")
	for key, value := range headers {
		name, ok := strings.CutPrefix(key, "ce_")
		if !ok {
			t.Errorf("header %s", key)
		}
		got.SetExtension(name, value)
	}
	if err := got.SetData(ce.ApplicationJSON, json.RawMessage(m.Value)); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestResultsAreCloudEventsThatKeepTheirSchema(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	schema := map[string]*jsonschema.Schema{typeDisposed: compile(t, typeDisposed), typeCompleted: compile(t, typeCompleted), typeReloaded: compile(t, typeReloaded)}

	sources := map[string]string{"pushed": "/bridge/1400000002", "call-reject": "/bridge/1400000002"} // of a lane's app
	for name := range encoded(t, Format{SDKAppID: 1400000001}) {
		if sources[name] == "" {
			sources[name] = "/bridge/1400000001"
		}
	}
	for mode, f := range map[string]Format{
		"structured": {SDKAppID: 1400000001},
		"binary":     {SDKAppID: 1400000001, Binary: true, Prefix: "com.example", Schemas: "https://example.com/s"},
	} {
		for name, m := range encoded(t, f) {
			t.Run(mode+"/"+name, func(t *testing.T) {
				t.Parallel()
				got := decode(t, m)
				if err := got.Validate(); err != nil {
					t.Fatal(err)
				}
				if len(got.FieldErrors) > 0 {
					t.Error(got.FieldErrors)
				}
				typ := got.Type()
				if f.Prefix != "" {
					typ = strings.TrimPrefix(typ, f.Prefix+".")
				}
				if schema[typ] == nil || got.DataSchema() != f.base()+typ+".json" || got.Source() != sources[name] {
					t.Fatalf("type %s, schema %s, source %s", got.Type(), got.DataSchema(), got.Source())
				}
				data, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.Data()))
				if err != nil {
					t.Fatal(err)
				}
				if err := schema[typ].Validate(data); err != nil {
					t.Errorf("%s\n%v", got.Data(), err)
				}
				if mode == "structured" {
					golden(t, name, m.Value)
				}
			})
		}
	}
}

func golden(t *testing.T, name string, value []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, value, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if os.Getenv("GOLDEN") != "" {
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("%s (-want +got; make golden writes it anew):\n%s", path, diff)
	}
}

func compile(t *testing.T, typ string) *jsonschema.Schema {
	t.Helper()
	raw, err := schemas.FS.ReadFile(typ + ".json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	url := schemas.Base + typ + ".json"
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(map[string]any{}); err == nil {
		t.Fatalf("%s takes anything", url)
	}
	return schema
}

// The hand-written encoding against the SDK's, byte for byte.
func TestStructuredFormIsTheSDKs(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	e := newEncoder(Format{SDKAppID: 7})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune("aé会\"\\/<>&\u2028\n\t\x01\x7f")), rapid.Rune()), 0, 12, -1)
		d := journal.Disposition{
			Origin: intent.Origin{
				Position: offset.Position{Partition: offset.Partition{Topic: "t", ID: rapid.Int32Min(0).Draw(t, "partition")}, Offset: rapid.Int64Min(0).Draw(t, "offset")},
				Source:   "s" + text.Draw(t, "source"), ID: text.Draw(t, "id"), Type: text.Draw(t, "type"),
				Received: time.Unix(rapid.Int64Range(0, 1e10).Draw(t, "received"), 5), CorrelationID: text.Draw(t, "correlation"),
			},
			Rule: text.Draw(t, "rule"), Kind: rapid.SampledFrom(journal.Kinds[:]).Draw(t, "kind"), At: time.Unix(1e9, rapid.Int64Range(0, 1e9).Draw(t, "at")),
			Lane: text.Draw(t, "lane"), App: rapid.Uint32().Draw(t, "app"),
			PushID: text.Draw(t, "push"), Code: rapid.Int().Draw(t, "code"), Info: text.Draw(t, "info"), Reason: text.Draw(t, "reason"),
			Parts: rapid.IntRange(0, 3).Draw(t, "parts"), Doubt: rapid.Bool().Draw(t, "doubt"), More: rapid.Bool().Draw(t, "more"),
		}
		if d.Origin.ID != "" {
			d.Origin.ID += "." // the SDK trims a subject's spaces
		}
		m, _ := e.eventDisposed(nil, &d)

		want := ce.New()
		var data map[string]any
		var outer struct{ Data json.RawMessage }
		if err := json.Unmarshal(m.Value, &outer); err != nil {
			t.Fatalf("%s\n%v", m.Value, err)
		}
		if err := json.Unmarshal(outer.Data, &data); err != nil {
			t.Fatal(err)
		}
		for key, value := range map[string]any{
			"topic": "t", "event_source": d.Origin.Source, "event_id": d.Origin.ID, "event_type": d.Origin.Type, "rule": d.Rule,
			"push_id": d.PushID, "error_text": d.Info, "reason": d.Reason, "lane": d.Lane, "disposition": d.Kind.String(),
		} {
			got, present := data[key]
			if (value == "") == present || present && got != value {
				t.Fatalf("data %s: %q (%v), want %q", key, got, present, value)
			}
		}
		want.SetID(string(appendDisposedID(nil, &d)))
		app := d.App
		if app == 0 {
			app = 7
		}
		want.SetSource(fmt.Sprint("/bridge/", app))
		want.SetType(typeDisposed)
		want.SetDataSchema(schemas.Base + typeDisposed + ".json")
		want.SetTime(d.At)
		if d.Origin.ID != "" {
			want.SetSubject(legal(d.Origin.Source + "/" + d.Origin.ID))
			want.SetExtension("causationid", legal(d.Origin.ID))
		} else {
			want.SetSubject(d.Origin.Position.String())
		}
		if d.Origin.CorrelationID != "" {
			want.SetExtension("correlationid", legal(d.Origin.CorrelationID))
		}
		want.SetDataContentType(ce.ApplicationJSON)
		want.DataEncoded = outer.Data // SetData would write it anew, with HTML escapes
		var sdk bytes.Buffer
		if err := ce.WriteJson(&want, &sdk); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sdk.String(), string(m.Value)); diff != "" {
			t.Fatalf("-SDK +ours:\n%s", diff)
		}
	})
}

func TestSameEndSameID(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	e := newEncoder(Format{SDKAppID: 7})
	id := func(change func(*journal.Disposition)) string {
		d := ends()["pushed"]
		change(&d)
		m, _ := e.eventDisposed(nil, &d)
		ev := decode(t, m)
		return ev.ID()
	}
	want := "member.promo/2@1207:vip:pushed"
	for name, change := range map[string]func(*journal.Disposition){
		"again":     func(*journal.Disposition) {},
		"later":     func(d *journal.Disposition) { d.At = d.At.Add(time.Hour) },
		"resent as": func(d *journal.Disposition) { d.TaskID, d.PushID = "other", "other" },
	} {
		if got := id(change); got != want {
			t.Errorf("%s: id %q, want %q", name, got, want)
		}
	}
	for name, change := range map[string]func(*journal.Disposition){
		"other offset": func(d *journal.Disposition) { d.Origin.Position.Offset++ },
		"other rule":   func(d *journal.Disposition) { d.Rule = "all" },
		"other end":    func(d *journal.Disposition) { d.Kind = journal.Expired },
	} {
		if got := id(change); got == want {
			t.Errorf("%s: same id %q", name, got)
		}
	}
}

func TestBadTextCannotBreakAnEvent(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, text := range map[string]string{
		"no UTF-8": "\xff\xc3(", "cut rune": strings.Repeat("会", maxText), "controls": "a\x00b\u0085c\x7f", "long": strings.Repeat("\x01", 3*maxText),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, binary := range []bool{false, true} {
				d := ends()["pushed"]
				d.Origin.ID, d.Origin.Source, d.Rule, d.Reason, d.Origin.CorrelationID = text, text, text, text, text
				m, _ := newEncoder(Format{SDKAppID: 7, Binary: binary}).eventDisposed(nil, &d)
				ev := decode(t, m)
				if err := ev.Validate(); err != nil {
					t.Error(err)
				}
				if !json.Valid(ev.Data()) {
					t.Errorf("data: %.200s", ev.Data())
				}
				for _, a := range []string{ev.ID(), ev.Subject(), ev.Extensions()["correlationid"].(string)} {
					if strings.ContainsFunc(a, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }) || len(a) > 4*maxText {
						t.Errorf("attribute of %d bytes: %.60q", len(a), a)
					}
				}
			}
		})
	}
}

func BenchmarkEventDisposed(b *testing.B) {
	d := ends()["unmatched"]
	for name, f := range map[string]Format{"structured": {SDKAppID: 7}, "binary": {SDKAppID: 7, Binary: true}} {
		b.Run(name, func(b *testing.B) {
			e := newEncoder(f)
			buf := make([]byte, 0, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				_, buf = e.eventDisposed(buf[:0], &d)
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}
