package mapper

import (
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const benchRules = "../../bench/coalesce/rules.yaml"

// benchEvents are one event of each kind of the benchmark's traces, with what it
// asks for.
var benchEvents = map[string]struct{ event, want string }{
	"red": {
		`{"type":"region.alert","source":"/alerts","data":{"region":"R01","severity":"red","alert_id":"A00012","revision":2,"text":"Alert A00012"}}`,
		`alert-red: tags_any[region:R01]: Alert A00012; critical 1m0s 1h0m0s; lane="" latest key="A00012/R01" scope="region-alert"`,
	},
	"orange": {
		`{"type":"region.alert","source":"/alerts","data":{"region":"R01","severity":"orange","alert_id":"A00012","revision":1,"text":"Alert A00012"}}`,
		`alert-orange: tags_any[region:R01]: Alert A00012; high 10m0s 2h0m0s; lane="" latest key="A00012/R01" scope="region-alert"`,
	},
	"yellow": {
		`{"type":"region.alert","source":"/alerts","data":{"region":"R01","severity":"yellow","alert_id":"A00012","revision":1,"text":"Alert A00012"}}`,
		`alert: tags_any[region:R01]: Alert A00012; normal 30m0s 4h0m0s; lane="" latest key="A00012/R01" scope="region-alert"`,
	},
	"promo": {
		`{"type":"member.promo","source":"/crm/stores/7","data":{"promo_id":"S1-0","title":"Campaign 0","text":"Members save","level":"Gold","city":"Wuhan"}}`,
		"promo: attrs_all[city=Wuhan level=Gold]: Campaign 0\nMembers save; normal 2h0m0s 12h0m0s; lane=\"\" digest key=\"\" scope=\"promo\" 5 next",
	},
	"promo of a level": {
		`{"type":"member.promo","source":"/crm/campaigns","data":{"promo_id":"B1","title":"Members' offer","text":"Offer B1","level":"Gold"}}`,
		"promo-level: attrs_any[level=Gold]: Members' offer\nOffer B1; normal 2h0m0s 12h0m0s; lane=\"\" digest key=\"\" scope=\"promo-level\" 5 next",
	},
	"promo of a city": {
		`{"type":"member.promo","source":"/crm/campaigns","data":{"promo_id":"B1","title":"Members' offer","text":"Offer B1","city":"Wuhan"}}`,
		"promo-city: attrs_any[city=Wuhan]: Members' offer\nOffer B1; normal 2h0m0s 12h0m0s; lane=\"\" digest key=\"\" scope=\"promo-city\" 5 next",
	},
	"price": {
		`{"type":"price.drop","source":"/shop/prices","data":{"product":"P3","price":12,"text":"Product P3 now costs 12"}}`,
		`price: tags_any[watch:P3]: Product P3 now costs 12; low 4h0m0s 24h0m0s; lane="" digest key="" scope="price" 8 next`,
	},
	"stock": {
		`{"type":"stock.back","source":"/shop/stock","data":{"products":["P3","P1","P3"],"text":"Back in stock (toys)"}}`,
		`stock: tags_any[wish:P1 wish:P3]: Back in stock (toys); normal 1h0m0s 8h0m0s; lane="" merge key="" scope=""`,
	},
	"stock of eleven": {
		`{"type":"stock.back","source":"/shop/stock","data":{"products":["P10","P11","P12","P13","P14","P15","P16","P17","P18","P19","P20"],"text":"Back in stock (toys)"}}`,
		`stock: tags_any[wish:P10 wish:P11 wish:P12 wish:P13 wish:P14 wish:P15 wish:P16 wish:P17 wish:P18 wish:P19] + tags_any[wish:P20]: Back in stock (toys); normal 1h0m0s 8h0m0s; lane="" merge key="" scope=""`,
	},
	"delay": {
		`{"type":"order.delay","source":"/logistics","data":{"warehouse":"W0","carrier":"C2","hours":3,"text":"About 3 hours late"}}`,
		`order-delay: tags_all[carrier:C2 warehouse:W0]: About 3 hours late; high 20m0s 3h0m0s; lane="" latest key="W0/C2" scope="order-delay"`,
	},
	"notice": {
		`{"type":"app.notice","source":"/app","data":{"text":"Service notice 4"}}`,
		`notice: everyone: Service notice 4; high 30m0s 6h0m0s; lane="" merge key="" scope=""`,
	},
}

// TestBenchRules holds the benchmark's rules to what its judge expects of them.
func TestBenchRules(t *testing.T) {
	t.Attr("guards", "the benchmark's rules say what its judge scores")
	t.Parallel()
	r := mustLoad(t, benchRules)
	for name, tt := range benchEvents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, o := mustEvent(t, tt.event)
			m := r.Map(e, o)
			got := summary(m)
			if len(m.Intents) == 1 {
				p := m.Intents[0].Policy
				got += fmt.Sprintf("; %v %v %v; %s", p.Priority, p.MaxDelay, p.Expires.Sub(received), held(p))
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Map (-want +got):\n%s", diff)
			}
		})
	}
	if w := r.Warnings(); len(w) > 0 {
		t.Errorf("warnings %v", w)
	}
	lanes := r.Lanes()
	if len(lanes) != 1 || lanes[0].Terms.Calls != 100 || lanes[0].Terms.Reserve >= 0 || lanes[0].Terms.Day != nil {
		t.Errorf("lanes %+v, want the default one with 100 calls in 24 h and a reserve that follows demand", lanes)
	}
}

func BenchmarkMapBenchRules(b *testing.B) {
	r := mustLoad(b, benchRules)
	for name, tt := range benchEvents {
		b.Run(name, func(b *testing.B) {
			e, o := mustEvent(b, tt.event)
			b.ReportAllocs()
			for b.Loop() {
				r.Map(e, o)
			}
		})
	}
}
