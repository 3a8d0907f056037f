//go:build unix

package main

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

//go:embed rules.yaml
var rules []byte

// campaign is how many events in a row speak of one campaign, so that as many
// messages follow each other in the stream: some hundred calls carry 100,000
// events.
const campaign = 10_000

// valueBytes is about the size of a structured event; the data is padded to it.
const valueBytes = 500

// event is one CloudEvent before it has a form.
type event struct {
	id, source, kind, subject, key string
	at                             time.Time
	data                           string
}

// stream makes the events: the same ones for the same number of calls of next.
type stream struct {
	random *rand.Rand
	n      int
	recent []event // matched ones that may be repeated
}

func newStream() *stream { return &stream{random: rand.New(rand.NewPCG(20, 26))} }

// epoch is when the first event happened; the next follow a millisecond apart.
var epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

var (
	cities     = []string{"shanghai", "beijing", "guangzhou", "shenzhen", "chengdu", "hangzhou", "wuhan", "xian", "nanjing", "suzhou"}
	levels     = []string{"gold", "silver", "bronze", "basic"}
	categories = []string{"shoes", "books", "garden", "audio", "toys"}
	unruled    = []string{"page.viewed", "cart.updated", "order.created", "order.paid", "session.started"}
)

// next returns the next event: of a hundred, 45 have a type without a rule, 15 a
// rule whose condition says no, 5 repeat another, 19 revise an alert or a delay
// and 16 join others with the same message.
func (s *stream) next() event {
	s.n++
	e := event{id: fmt.Sprintf("e-%010d", s.n), at: epoch.Add(time.Duration(s.n) * time.Millisecond)}
	round := s.n / campaign
	city := pick(s, cities)
	level := pick(s, levels)
	category := pick(s, categories)
	promo := func(discount string) {
		e.source, e.kind, e.subject, e.key = "/crm/eu", "member.promo", "member/"+strconv.Itoa(s.random.IntN(50_000)), level
		e.data = fmt.Sprintf(`{"discount":%s,"tiers":["%s","%s"],"title":"Spring sale %d","summary":"All of %s, two days only"`,
			discount, level, pick(s, levels), round, "the outdoor range")
	}
	switch roll := s.random.IntN(100); {
	case roll < 45:
		e.source, e.kind, e.subject, e.key = "/shop/web", pick(s, unruled), "session/"+strconv.Itoa(s.random.IntN(90_000)), city
		e.data = fmt.Sprintf(`{"path":"/p/%d","city":"%s","level":"%s","ms":%d`, s.random.IntN(4000), city, level, s.random.IntN(900))
	case roll < 55:
		promo("0.05")
	case roll < 60:
		e.source, e.kind, e.subject, e.key = "/shop/prices", "price.dropped", "sku-"+strconv.Itoa(s.random.IntN(4000)), category
		e.data = fmt.Sprintf(`{"percent":%d,"stock":%d,"category":"%s","title":"Article %d"`, 1+s.random.IntN(9), s.random.IntN(50), category, round)
	case roll < 65 && len(s.recent) > 0:
		return pick(s, s.recent)
	case roll < 80:
		e.source, e.kind, e.subject, e.key = "/weather/cn", "region.alert", "alert/"+city, city
		e.data = fmt.Sprintf(`{"alert_id":"a-%d","city":"%s","level":"orange","headline":"Heavy rain until midnight","revision":%d`, round, city, s.n)
	case roll < 84:
		e.source, e.kind, e.subject, e.key = "/shop/logistics", "order.delayed", "depot/"+cities[0], cities[0]
		e.data = fmt.Sprintf(`{"city":"%s","level":"%s","hours":%d`, cities[0], levels[0], 3+round%20)
	case roll < 93:
		promo("0.30")
	case roll < 96:
		e.source, e.kind, e.subject, e.key = "/shop/stock", "stock.back", "sku-"+strconv.Itoa(round), category
		e.data = fmt.Sprintf(`{"category":"%s","title":"Article %d","stock":%d`, category, round, 1+s.random.IntN(500))
	case roll < 98:
		e.source, e.kind, e.subject, e.key = "/editorial/cms", "article.published", "article/"+strconv.Itoa(s.n), "press"
		e.data = fmt.Sprintf(`{"title":"Report %d","sections":["home","press"],"words":%d`, round, s.random.IntN(3000))
	default:
		e.source, e.kind, e.subject, e.key = "/shop/prices", "price.dropped", "sku-"+strconv.Itoa(s.random.IntN(4000)), category
		e.data = fmt.Sprintf(`{"percent":%d,"stock":%d,"category":"%s","title":"Article %d"`, 20, 1+s.random.IntN(50), category, round)
	}
	e.data = s.pad(e)
	if e.kind == "member.promo" || e.kind == "region.alert" {
		s.remember(e)
	}
	return e
}

// pad closes the data with a text that brings the structured event to its size.
func (s *stream) pad(e event) string {
	const padding = "Offers end on Sunday; 运费另计, see the “terms” page. "
	room := valueBytes - len(structured(e)) - len(`,"note":""}`)
	text := strings.Repeat(padding, 1+max(0, room)/len(padding))
	cut := max(0, min(room, len(text)))
	return e.data + `,"note":"` + strings.ToValidUTF8(text[:cut], "") + `"}`
}

// repeatable bounds how far back a repeated event may lie.
const repeatable = 500

func (s *stream) remember(e event) {
	if len(s.recent) < repeatable {
		s.recent = append(s.recent, e)
		return
	}
	s.recent[s.random.IntN(repeatable)] = e
}

func pick[T any](s *stream, from []T) T { return from[s.random.IntN(len(from))] }

// structured returns the event as one JSON object.
func structured(e event) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"%s","source":"%s","type":"%s","subject":"%s","time":"%s","datacontenttype":"application/json","data":%s}`,
		e.id, e.source, e.kind, e.subject, e.at.Format(time.RFC3339Nano), e.data)
}

// message returns the event as a record, in the structured or the binary mode of
// the Kafka protocol binding.
func message(e event, binary bool) kafka.Message {
	m := kafka.Message{Key: []byte(e.key)}
	if !binary {
		m.Value = []byte(structured(e))
		m.Headers = []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json; charset=UTF-8")}}
		return m
	}
	m.Value = []byte(e.data)
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", e.id}, {"ce_source", e.source}, {"ce_type", e.kind},
		{"ce_subject", e.subject}, {"ce_time", e.at.Format(time.RFC3339Nano)}, {"content-type", "application/json"},
	} {
		m.Headers = append(m.Headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	return m
}
