package main

import (
	"fmt"
	"time"
)

// regimeSpec is one kind of day.
type regimeSpec struct {
	name string
	says string // for the table's reader
	make func(*generator)
}

// regimes are in the order of the table. The order is part of the seeds.
var regimes = []regimeSpec{
	{"calm", "a day of some 110 events", calm},
	{"promo-burst", "some 10,000 promotions in ten minutes: 4 or 5 campaigns × 4 levels × 18 to 22 cities", promoBurst},
	{"alert-storm", "alerts region by region, revised, of rising severity", alertStorm},
	{"mixed", "two diurnal days of everything", mixed},
	{"anti-window", "events that straddle the boundaries of 1, 5 and 15 minute windows", antiWindow},
	{"starved", "one day of some 520 calls that no merge saves, of heavy-tailed value", starved},
	{"week", "seven days with a burst, a storm and a quiet Sunday", week},
}

func regimeNames() []string {
	names := make([]string, len(regimes))
	for i, r := range regimes {
		names[i] = r.name
	}
	return names
}

var (
	levels     = []string{"basic", "silver", "gold", "platinum"}
	cities     = []string{"Aarhus", "Bergen", "Cork", "Dresden", "Espoo", "Faro", "Ghent", "Haarlem", "Izmir", "Jena", "Kaunas", "Lille", "Malmö", "Nantes", "Oulu", "Porto", "Riga", "Split", "Turin", "Umeå", "Vigo", "Zadar"}
	severities = []string{"yellow", "orange", "red"}
)

func calm(g *generator) {
	for range g.count(3) {
		g.campaign(spell{g.awake(0), 2 * hour}, 9, cities[:6])
	}
	for range g.count(24) {
		g.price(g.awake(0), g.random.IntN(10))
	}
	for range g.count(12) {
		g.stock(g.awake(0), 1+g.random.IntN(3))
	}
	for range g.count(14) {
		g.delay(g.awake(0), g.random.IntN(4), g.random.IntN(3))
	}
	g.notice(g.awake(0))
	for range g.count(2) {
		g.alert(g.awake(0), alertSpec{regions: 4 + g.random.IntN(5), revisions: 2, every: 20 * time.Minute, last: 1 + g.random.IntN(2)})
	}
}

func promoBurst(g *generator) {
	start := g.between(8*hour, 18*hour)
	in := cities[:18+g.random.IntN(5)]
	campaigns := 4 + g.random.IntN(2)
	for range campaigns {
		g.campaign(spell{start, 10 * time.Minute}, 9800/float64(campaigns), in)
	}
	for range g.count(60) {
		g.trade(g.awake(0))
	}
	g.alert(g.awake(0), alertSpec{regions: 12, revisions: 2, every: 15 * time.Minute, last: 2})
}

func alertStorm(g *generator) {
	start := g.between(2*hour, 14*hour)
	for range g.count(22) {
		g.alert(start+g.between(0, 4*hour), alertSpec{
			regions: 6 + g.random.IntN(15), revisions: 2 + g.random.IntN(3), every: g.between(2*time.Minute, 15*time.Minute), last: 1 + g.random.IntN(2),
		})
	}
	for range g.count(40) {
		g.trade(g.awake(0))
	}
}

func mixed(g *generator) {
	for d := range 2 {
		g.everything(d, 1)
	}
}

// antiWindow puts the first event of a pair just before a boundary that fixed
// windows have, and what would have merged with it just behind.
func antiWindow(g *generator) {
	for range g.count(110) {
		window := pick(g, []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute})
		boundary := g.between(7*hour, 23*hour).Truncate(window)
		before := boundary - g.between(500*time.Millisecond, 4*time.Second)
		after := func() time.Duration { return boundary + g.between(500*time.Millisecond, 4*time.Second) }
		switch g.random.IntN(4) {
		case 0:
			id, text, severity := g.name("squall"), g.name("Squall warning"), pick(g, severities)
			regions := g.some(3, 40)
			g.region(before, alertEvent{id, severity, text, regions[0], 1})
			for _, r := range regions[1:] {
				g.region(after(), alertEvent{id, severity, text, r, 1})
			}
		case 1:
			text := g.name("Back in stock: lot")
			g.emit(before, "stock.back", map[string]any{"products": g.products(2), "text": text})
			g.emit(after(), "stock.back", map[string]any{"products": g.products(2), "text": text})
		case 2:
			level, city := pick(g, levels), pick(g, cities)
			for _, at := range []time.Duration{before, after(), after()} {
				g.promo(at, promoEvent{g.name("offer"), level, city})
			}
		default:
			warehouse, carrier := g.random.IntN(6), g.random.IntN(4)
			g.delay(before, warehouse, carrier)
			g.delay(after(), warehouse, carrier)
		}
	}
}

// starved asks for audiences that no condition unites, each with its own message.
// What a call is worth is how often the same is asked for.
func starved(g *generator) {
	routes := g.some(g.count(230), 40*25)
	for _, r := range routes {
		g.delay(g.awake(0), r/25, r%25)
	}
	for _, product := range g.some(g.count(120), 400) {
		at, text := g.awake(0), g.name("Back in stock: lot")
		for range g.heavy(0.9, 60) {
			g.emit(at+g.between(0, 20*time.Minute), "stock.back", map[string]any{"products": []string{productName(product)}, "text": text})
		}
	}
	for _, cell := range g.some(g.count(60), len(levels)*len(cities)) {
		at := g.awake(0)
		p := promoEvent{g.name("offer"), levels[cell%len(levels)], cities[cell/len(levels)]}
		for range g.heavy(0.9, 60) {
			g.promo(at+g.between(0, 30*time.Minute), p)
		}
	}
	for _, product := range g.some(g.count(60), 400) {
		at := g.awake(0)
		text := g.name("Cheaper since today: offer")
		for range g.heavy(0.8, 80) {
			g.emit(at+g.between(0, hour), "price.drop", map[string]any{"product": productName(product), "price": 1 + g.random.IntN(99), "text": text})
		}
	}
	for range g.count(12) {
		g.notice(g.awake(0))
	}
	for range g.count(38) {
		g.alert(g.awake(0), alertSpec{regions: 1, revisions: 1, every: time.Minute, last: 2})
	}
}

func week(g *generator) {
	for d := range 7 {
		share := 0.85
		if d == 6 {
			share = 0.3
		}
		g.everything(d, share)
	}
	busy := g.between(9*hour, 15*hour)
	for range 3 {
		g.campaign(spell{day + busy, 15 * time.Minute}, 1400, cities[:16])
	}
	for range g.count(5) {
		g.alert(3*day+busy+g.between(0, 3*hour), alertSpec{regions: 20, revisions: 3, every: 8 * time.Minute, last: 2})
	}
}

// everything is a day of all kinds, diurnal, some of it in bursts.
func (g *generator) everything(d int, share float64) {
	n := func(count float64) int { return g.count(count * share) }
	for range n(6) {
		g.campaign(spell{g.awake(d), 3 * hour}, 60, cities[:10])
	}
	for range n(300) {
		g.price(g.awake(d), g.random.IntN(60))
	}
	for range n(170) {
		g.stock(g.awake(d), 1+g.random.IntN(4))
	}
	for range n(130) {
		g.delay(g.awake(d), g.random.IntN(12), g.random.IntN(6))
	}
	for range n(4) {
		g.notice(g.awake(d))
	}
	for range n(9) {
		g.alert(g.awake(d), alertSpec{regions: 3 + g.random.IntN(14), revisions: 1 + g.random.IntN(4), every: g.between(4*time.Minute, 40*time.Minute), last: g.random.IntN(3)})
	}
}

// productName is a product's number as events name it.
func productName(n int) string { return fmt.Sprintf("P%03d", n) }
