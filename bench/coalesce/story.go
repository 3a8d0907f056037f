package main

import (
	"fmt"
	"time"
)

// spell is a time from an instant on.
type spell struct{ at, long time.Duration }

// campaign sends some number of promotions of one text to random levels and
// cities. One campaign in six is for all levels, and one in six for all cities.
func (g *generator) campaign(when spell, events float64, in []string) {
	id, kind := g.name("offer"), g.random.IntN(6)
	for range g.count(events) {
		p := promoEvent{id, pick(g, levels), pick(g, in)}
		switch kind {
		case 0:
			p.level = ""
		case 1:
			p.city = ""
		}
		g.promo(when.at+g.between(0, when.long), p)
	}
}

// promoEvent names a level, a city or both.
type promoEvent struct{ id, level, city string }

func (g *generator) promo(at time.Duration, p promoEvent) {
	data := map[string]any{"promo_id": p.id, "title": "For members", "text": "Only this week: " + p.id}
	if p.level != "" {
		data["level"] = p.level
	}
	if p.city != "" {
		data["city"] = p.city
	}
	g.emit(at, "member.promo", data)
}

// alertSpec is the course of an alert: how many regions, how often revised and
// how long after one another, and the severity it rises to.
type alertSpec struct {
	regions, revisions int
	every              time.Duration
	last               int // of severities
}

// alert tells the regions one after the other, within some twenty seconds, and
// then the same ones of each revision. It starts so much below its last severity
// as it has revisions.
func (g *generator) alert(at time.Duration, a alertSpec) {
	id := g.name("alert")
	regions := g.some(a.regions, 40)
	for revision := range a.revisions {
		severity := severities[max(0, a.last-(a.revisions-1-revision))]
		text := fmt.Sprintf("Weather %s, %s (%d): stay inside", id, severity, revision+1)
		for _, r := range regions {
			g.region(at+g.between(0, 20*time.Second), alertEvent{id, severity, text, r, revision + 1})
		}
		at += a.every
	}
}

// alertEvent is what one region is told.
type alertEvent struct {
	id, severity, text string
	region, revision   int
}

func (g *generator) region(at time.Duration, a alertEvent) {
	g.emit(at, "region.alert", map[string]any{
		"alert_id": a.id, "region": fmt.Sprintf("R%02d", a.region), "severity": a.severity, "revision": a.revision, "text": a.text,
	})
}

// price tells of one of the first so many products.
func (g *generator) price(at time.Duration, product int) {
	price := 1 + g.random.IntN(20)
	g.emit(at, "price.drop", map[string]any{
		"product": productName(product), "price": price, "text": fmt.Sprintf("%s for %d", productName(product), price),
	})
}

// stock tells of one delivery, in as many events as its lots came; one in twenty
// names more products than a call can.
func (g *generator) stock(at time.Duration, lots int) {
	text := g.name("Back in stock: lot")
	if g.random.IntN(20) == 0 {
		g.emit(at, "stock.back", map[string]any{"products": g.products(11 + g.random.IntN(6)), "text": text})
		return
	}
	for range lots {
		g.emit(at+g.between(0, 10*time.Minute), "stock.back", map[string]any{"products": g.products(1 + g.random.IntN(3)), "text": text})
	}
}

// products draws different products.
func (g *generator) products(count int) []string {
	var names []string
	for _, n := range g.some(count, 80) {
		names = append(names, productName(n))
	}
	return names
}

// delay tells of one carrier at one warehouse.
func (g *generator) delay(at time.Duration, warehouse, carrier int) {
	hours := 1 + g.random.IntN(9)
	w, c := fmt.Sprintf("W%d", warehouse), fmt.Sprintf("C%d", carrier)
	g.emit(at, "order.delay", map[string]any{
		"warehouse": w, "carrier": c, "hours": hours, "text": fmt.Sprintf("Parcels from %s by %s are %d hours late", w, c, hours),
	})
}

func (g *generator) notice(at time.Duration) {
	g.emit(at, "app.notice", map[string]any{"text": g.name("Maintenance tonight, window")})
}

// trade is an event of the shop's daily business.
func (g *generator) trade(at time.Duration) {
	switch g.random.IntN(4) {
	case 0:
		g.price(at, g.random.IntN(20))
	case 1:
		g.stock(at, 1)
	case 2:
		g.delay(at, g.random.IntN(5), g.random.IntN(4))
	default:
		g.promo(at, promoEvent{g.name("offer"), pick(g, levels), pick(g, cities)})
	}
}
