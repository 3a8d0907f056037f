package mapper

import (
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

func TestExample(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	r, err := Load("testdata/rules/example.yaml", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, o := mustEvent(t, `{"type":"member.promo","data":{"tiers":["gold","silver"],"title":"Sale","summary":"now","discount":0.3,"ends_at":"2026-03-01T20:00:00+08:00"}}`)
	m := r.Map(e, o)
	if len(m.Intents) != 1 || len(m.Failures) != 0 || m.Why != "" || m.Version != r.Version() {
		t.Fatalf("Map = %+v, want one intent", m)
	}
	in := m.Intents[0]
	wantAudience, err := audience.OfAnyTag("silver", "gold")
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Audiences) != 1 || in.Audiences[0] != wantAudience {
		t.Errorf("audience %v, want %v", in.Audiences, wantAudience)
	}
	wantMessage, err := intent.NewMessage(intent.Content{
		Sender: "notice-bot", Elements: []intent.Element{intent.Text{Text: "Sale: now"}}, Offline: &intent.Offline{Title: "Sale", Desc: "now"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if in.Message != wantMessage {
		t.Errorf("message %s %s, want %s %s", in.Message.Envelope(), in.Message.Body(), wantMessage.Envelope(), wantMessage.Body())
	}
	want := intent.Policy{Priority: intent.Normal, MaxDelay: 2 * time.Hour, Expires: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Mode: intent.Merge, OnDoubt: intent.Drop}
	if !in.Policy.Expires.Equal(want.Expires) {
		t.Errorf("expires %v, want %v", in.Policy.Expires, want.Expires)
	}
	if in.Policy.Expires = want.Expires; in.Policy != want {
		t.Errorf("policy %+v, want %+v", in.Policy, want)
	}
}

func BenchmarkMap(b *testing.B) {
	r, err := Load("testdata/rules/example.yaml", Limits{})
	if err != nil {
		b.Fatal(err)
	}
	for name, members := range map[string]string{
		"promo":     `{"type":"member.promo","data":{"tiers":["gold","silver"],"title":"Sale","summary":"Everything must go, and it goes today until the evening","discount":0.3,"ends_at":"2026-03-01T20:00:00+08:00","campaign":{"id":"c-77812","owner":"growth","tags":["a","b","c"]}}}`,
		"alert":     `{"type":"region.alert","source":"/met","data":{"level":"red","headline":"Heavy rain expected in the next two hours","city":"Hangzhou","alert_id":"a-1"}}`,
		"everyone":  `{"type":"article.published","source":"/cms","data":{"title":"A title of an article","section":"news"}}`,
		"unmatched": `{"type":"user.login","source":"/auth","data":{"a":1}}`,
	} {
		b.Run(name, func(b *testing.B) {
			e, o := mustEvent(b, members)
			b.ReportAllocs()
			for b.Loop() {
				r.Map(e, o)
			}
		})
	}
}
