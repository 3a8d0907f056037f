package mapper

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

const mediaEvent = `{"type":"media.updated","source":"/cms/a","tenant":"a","subject":"s1",
	"data":{"title":"T","url":"https://a/","size":9,"level":3,"lon":10.75,"kind":"large"}}`

func TestEverything(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	r, err := Load("testdata/rules/everything.yaml", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, o := mustEvent(t, mediaEvent)
	m := r.Map(e, o)
	if len(m.Intents) != 2 || len(m.Failures) != 0 {
		t.Fatalf("Map = %s, want two intents", summary(m))
	}
	media, literal := m.Intents[0], m.Intents[1]

	want, err := intent.NewMessage(intent.Content{
		Sender: "editor", OnlineOnly: true, LifeTime: 168 * time.Hour,
		Elements: []intent.Element{
			intent.Text{Text: "T\nsecond line\n"},
			intent.Location{Desc: "T", Latitude: 59.91, Longitude: 10.75},
			intent.Face{Index: 7, Data: "x"},
			intent.Custom{Data: "https://a/", Desc: "d", Ext: "e", Sound: "s"},
			intent.Sound{URL: "https://a/", UUID: "u", Bytes: 9, Seconds: 3},
			intent.Image{UUID: "u", Format: intent.PNG, Sizes: []intent.ImageSize{
				{Type: 1, Bytes: 1, Width: 2, Height: 3, URL: "https://a/"}, {Type: 2, Bytes: 9, Width: 2, Height: 3, URL: "https://b/"},
			}},
			intent.File{URL: "https://a/", UUID: "u", Bytes: 12, Name: "T.pdf"},
			intent.Video{
				URL: "https://v/", UUID: "u", Bytes: 100, Seconds: 10, Format: "mp4",
				ThumbURL: "https://a/", ThumbUUID: "t", ThumbBytes: 9, ThumbWidth: 4, ThumbHeight: 5, ThumbFormat: "jpg",
			},
		},
		Offline: &intent.Offline{
			NoPush: true, Title: "T", Desc: "d", Ext: `{"a":1}`,
			Android: json.RawMessage(`{"Sound":"large.mp3","HuaWeiImportance":"NORMAL","deep":{"list":[1,2.5,true,null,"9"]}}`),
			APNs:    json.RawMessage(`{"BadgeMode":1,"Title":"T"}`),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(indent(t, want), indent(t, media.Message)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	policy := intent.Policy{Priority: intent.High, Expires: received.Add(36 * time.Hour), Mode: intent.Alone, OnDoubt: intent.Resend}
	if media.Policy != policy {
		t.Errorf("policy %+v, want %+v", media.Policy, policy)
	}
	wantAudience, err := audience.OfAllAttrs(map[string]string{"city": "Oslo", "level": "3"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{wantAudience.String()}, []string{media.Audiences[0].String()}); diff != "" || len(media.Audiences) != 1 {
		t.Errorf("audience (-want +got):\n%s", diff)
	}

	want, err = intent.NewMessage(intent.Content{Sender: "bot", Elements: []intent.Element{intent.Location{Latitude: -90, Longitude: 180}}})
	if err != nil {
		t.Fatal(err)
	}
	if literal.Message != want {
		t.Errorf("literal message %s, want %s", indent(t, literal.Message), indent(t, want))
	}
	p := literal.Policy
	if p.Mode != intent.Latest || p.Key != "s1" || p.Priority != intent.Low || p.MaxDelay != 90*time.Minute || p.OnDoubt != intent.Drop {
		t.Errorf("literal policy %+v", p)
	}
}

func indent(t *testing.T, m intent.Message) string {
	t.Helper()
	raw, err := m.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", " "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestElementErrors(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	say := func(element string) string { return oneRule(`message: [{text: a}, {` + element + `}]`) }
	runMapCases(t, map[string]mapCase{
		"whole number":      {say(`face: {index: "${data.x}"}`), `{"data":{"x":1.5}}`, `rule "r": message[1].face.index: "1.5": want a whole number`},
		"text for a number": {say(`face: {index: "${data.x}"}`), `{"data":{"x":"7"}}`, "r: everyone: a"},
		"empty number":      {say(`face: {index: "${data.x}"}`), `{"data":{"x":""}}`, `rule "r": message[1].face.index: it renders empty`},
		"no number":         {say(`location: {latitude: 1, longitude: "${data.x}"}`), `{"data":{"x":"east"}}`, `rule "r": message[1].location.longitude: "east": want a number`},
		"absent":            {say(`location: {desc: "${data.x}", latitude: 1, longitude: 1}`), `{}`, `rule "r": message[1].location.desc: data.x is absent`},
		"off the map":       {say(`location: {latitude: 1, longitude: "${data.x}"}`), `{"data":{"x":181}}`, `rule "r": message: message element 2: location 1, 181: latitude is within ±90 degrees, longitude within ±180`},
		"picture's format":  {say(`image: {uuid: u, format: "${data.x}", sizes: [{type: large, size: 1, width: 1, height: 1, url: u}]}`), `{"data":{"x":"webp"}}`, `rule "r": message[1].image.format: "webp": want one of bmp, gif, jpg, other, png`},
		"size's field":      {say(`image: {uuid: u, format: jpg, sizes: [{type: large, size: "${data.x}", width: 1, height: 1, url: u}]}`), `{}`, `rule "r": message[1].image.sizes[0].size: data.x is absent`},
		"sender":            {oneRule(`sender: "${data.x}"`), `{}`, `rule "r": sender: data.x is absent`},
		"offline":           {oneRule(`offline: {title: "${data.x}"}`), `{}`, `rule "r": offline.title: data.x is absent`},
		"vendor":            {oneRule(`offline: {apns: {a: [1, {b: "${data.x}"}]}}`), `{}`, `rule "r": offline.apns.a[1].b: data.x is absent`},
		"key":               {oneRule(`coalesce: {mode: latest, key: "${data.x}"}`), `{}`, `rule "r": coalesce.key: data.x is absent`},
		"empty key":         {oneRule(`coalesce: {mode: latest, key: "${data.x}"}`), `{"data":{"x":""}}`, `rule "r": coalesce.key: it renders empty: all events would be revisions of one thing`},
		"empty sender":      {oneRule(`sender: "${data.x}"`), `{"data":{"x":""}}`, `rule "r": sender: it renders empty`},
	})
}

func TestPolicy(t *testing.T) {
	t.Attr("guards", "what a rule says about when, and what it inherits")
	t.Parallel()
	with := func(defaults string, lines ...string) string {
		return "version: 1\ndefaults: {" + defaults + "}\n" + oneRule(lines...)[len("version: 1\n"):]
	}
	want := intent.Policy{Priority: intent.Normal, MaxDelay: 30 * time.Minute, Expires: received.Add(24 * time.Hour), Mode: intent.Merge, OnDoubt: intent.Drop}
	for name, tt := range map[string]struct {
		rules  string
		change func(*intent.Policy)
	}{
		"built in": {oneRule(), func(*intent.Policy) {}},
		"defaults": {with("priority: high, max_delay: 1m, expire_after: 1h"), func(p *intent.Policy) {
			p.Priority, p.MaxDelay, p.Expires = intent.High, time.Minute, received.Add(time.Hour)
		}},
		"the rule over defaults": {with("priority: high, max_delay: 1m", "delivery: {priority: low, max_delay: 2m}"), func(p *intent.Policy) {
			p.Priority, p.MaxDelay = intent.Low, 2*time.Minute
		}},
		"critical resends":           {oneRule("delivery: {priority: critical}"), func(p *intent.Policy) { p.Priority, p.OnDoubt = intent.Critical, intent.Resend }},
		"critical by default":        {with("priority: critical"), func(p *intent.Policy) { p.Priority, p.OnDoubt = intent.Critical, intent.Resend }},
		"critical that drops":        {oneRule("delivery: {priority: critical, on_doubt: drop}"), func(p *intent.Policy) { p.Priority = intent.Critical }},
		"none":                       {oneRule("coalesce: {mode: none}"), func(p *intent.Policy) { p.Mode = intent.Alone }},
		"latest":                     {oneRule(`coalesce: {mode: latest, key: "${event.id}/${event.type}"}`), func(p *intent.Policy) { p.Mode, p.Key, p.Scope = intent.Latest, "1/x", "r" }},
		"expire_at frees max_delay":  {oneRule(`delivery: {max_delay: 48h, expire_at: "2026-03-09T09:00:00Z"}`), func(p *intent.Policy) { p.MaxDelay, p.Expires = 48*time.Hour, received.AddDate(0, 0, 8) }},
		"a rule mends what it needs": {with("max_delay: 2h", "delivery: {expire_after: 2h}"), func(p *intent.Policy) { p.MaxDelay, p.Expires = 2*time.Hour, received.Add(2*time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			e, o := mustEvent(t, `{}`)
			m := mustParse(t, tt.rules).Map(e, o)
			want := want
			tt.change(&want)
			if len(m.Intents) != 1 || m.Intents[0].Policy != want {
				t.Fatalf("Map = %+v, want the policy %+v", m, want)
			}
		})
	}
}
