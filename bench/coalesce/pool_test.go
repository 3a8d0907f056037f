package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/audience"
)

// A baseline that merged less than it may would make the bridge look good.
func TestPoolMerges(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	const (
		stock = "stock.back"
		promo = "member.promo"
		price = "price.drop"
		alert = "region.alert"
		delay = "order.delay"
	)
	lots := func(from, to int) string {
		var names []string
		for i := from; i <= to; i++ {
			names = append(names, fmt.Sprintf("%q", fmt.Sprintf("%02d", i)))
		}
		return fmt.Sprintf(`{"products":[%s],"text":"lot"}`, strings.Join(names, ","))
	}
	for name, tt := range map[string]struct {
		events []told
		want   []string // the batches: messages × pieces, to whom
	}{
		"ten tags": {
			events: []told{{0, stock, lots(1, 4)}, {0, stock, lots(3, 7)}, {0, stock, lots(8, 10)}},
			want:   []string{"1×3 to 10"},
		},
		"eleven tags": {
			events: []told{{0, stock, lots(1, 4)}, {0, stock, lots(5, 9)}, {0, stock, lots(10, 11)}},
			want:   []string{"1×1 to 2", "1×2 to 9"},
		},
		"where least is new": {
			events: []told{{0, stock, lots(1, 6)}, {0, stock, lots(7, 12)}, {0, stock, lots(12, 13)}},
			want:   []string{"1×1 to 6", "1×2 to 7"},
		},
		"the wider absorbs": {
			events: []told{
				{0, promo, `{"promo_id":"a","title":"A","text":"a","level":"gold","city":"Cork"}`},
				{0, promo, `{"promo_id":"a","title":"A","text":"a","level":"gold","city":"Oulu"}`},
				{0, promo, `{"promo_id":"a","title":"A","text":"a","level":"gold"}`},
			},
			want: []string{"1×3 to 1"},
		},
		"values of two attributes": {
			events: []told{
				{0, promo, `{"promo_id":"a","title":"A","text":"a","level":"gold"}`},
				{0, promo, `{"promo_id":"a","title":"A","text":"a","city":"Oulu"}`},
				{0, promo, `{"promo_id":"a","title":"A","text":"a","city":"Cork"}`},
			},
			want: []string{"1×1 to 1", "1×2 to 2"},
		},
		"a digest": {
			events: []told{
				{0, price, `{"product":"a","price":1,"text":"1"}`},
				{0, price, `{"product":"a","price":2,"text":"2"}`},
				{0, price, `{"product":"b","price":3,"text":"3"}`},
			},
			want: []string{"1×1 to 1", "2×2 to 1"},
		},
		"other messages": {
			events: []told{
				{0, delay, `{"warehouse":"w","carrier":"c","hours":1,"text":"1"}`},
				{0, delay, `{"warehouse":"w","carrier":"d","hours":1,"text":"1"}`},
			},
			want: []string{"1×1 to 2", "1×1 to 2"},
		},
		"a revision": {
			events: []told{
				{0, alert, `{"alert_id":"x","region":"r","severity":"orange","revision":1,"text":"1"}`},
				{0, alert, `{"alert_id":"x","region":"s","severity":"orange","revision":1,"text":"1"}`},
				{1, alert, `{"alert_id":"x","region":"r","severity":"red","revision":2,"text":"2"}`},
			},
			want: []string{"1×1 to 1", "1×1 to 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPool(false)
			for _, a := range story(t, tt.events...).asks {
				p.add(a)
			}
			var got []string
			for _, b := range p.batches {
				n := 0
				for range b.pieces {
					n++
				}
				got = append(got, fmt.Sprintf("%d×%d to %d", len(b.units), n, b.audience.Len()))
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("batches (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever comes and goes, every piece is in one unit of one batch, and a unit
// reaches exactly the users of its pieces.
func TestPoolStaysWhole(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	tr := loaded(t, "mixed", 9, 0.15)
	p := newPool(false)
	for i, a := range tr.asks {
		p.expire(a.arrived, func(float64) {})
		p.add(a)
		if i%9 == 0 {
			p.take(p.batches[i%len(p.batches)])
		}
		whole(t, p)
	}
	p.expire(30*24*time.Hour, func(float64) {})
	whole(t, p)
	if len(p.batches)+len(p.units)+len(p.digests)+len(p.latest)+len(p.pending) > 0 {
		t.Errorf("when all has expired there are %d batches, %d slots, %d digests, %d keys and %d asks",
			len(p.batches), len(p.units), len(p.digests), len(p.latest), len(p.pending))
	}
}

func whole(t *testing.T, p *pool) {
	t.Helper()
	in := map[*piece]int{}
	for i, b := range p.batches {
		if b.at != i || len(b.units) == 0 || len(b.units) > b.cap() {
			t.Fatalf("batch %d: at %d, said %d, of %d units", b.id, i, b.at, len(b.units))
		}
		for _, u := range b.units {
			var audiences []audience.Audience
			for _, x := range u.pieces {
				in[x]++
				audiences = append(audiences, x.audience)
				if x.unit != u || u.batch != b || u.audience != b.audience {
					t.Fatalf("batch %d: a piece of %s is elsewhere", b.id, x.ask.name)
				}
			}
			if all, own := reachAll(audiences), reachOf(u.audience); !all.covers(own) || !own.covers(all) {
				t.Fatalf("batch %d: reaches %v, its pieces ask for %v", b.id, u.audience, audiences)
			}
		}
	}
	pieces := 0
	for a, mine := range p.pending {
		for _, x := range mine {
			pieces++
			if in[x] != 1 {
				t.Fatalf("a piece of %s is in %d batches", a.name, in[x])
			}
		}
	}
	if pieces != len(in) {
		t.Fatalf("%d pieces in batches, %d pending", len(in), pieces)
	}
}
