package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/pushapi/pushsim"
)

// killRules hold every kind of event whose life may be cut short: two ways to
// settle a doubt, an audience that takes two calls, and revisions.
const killRules = `version: 1
defaults: {priority: critical, max_delay: 4s, expire_after: 6h}
rules:
  - name: alert
    match: {type: region.alert}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {on_doubt: resend}
  - name: promo
    match: {type: member.promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {on_doubt: drop}
  - name: notice
    match: {type: region.notice}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    coalesce: {mode: latest, key: "${data.key}"}
    delivery: {on_doubt: resend}
`

// killSession is as short as the timing rule lets it be with calls of a second.
const killSession = 4 * time.Second

// killQuota is more than all rounds together need.
const killQuota = 20_000

// killSite is a site whose API is a process, and whose instances stand behind
// taps.
type killSite struct {
	*site
	live   []*tapped // started and not known to be dead
	all    []*tapped // ever started
	events int       // emitted
}

// tapped is one `bridge run` behind its tap.
type tapped struct {
	*instance
	tap     *tap
	started time.Time
}

func newKillSite(t *testing.T, addr, rules string) *killSite {
	t.Helper()
	k := &killSite{site: openSite(t, addr, rules)}
	sim := startBridge(t, nil, "pushsim", "--addr", "127.0.0.1:0", "--sdkappid", fmt.Sprint(demoApp), "--identifier", demoIdentifier, "--secret-key", demoKey,
		"--users", "60", "--quota", fmt.Sprint(killQuota))
	k.url = sim.find(`^export BRIDGE_PUSH_URL=(http://\S+)$`)[1]
	return k
}

// start runs one more instance.
func (k *killSite) start(more ...string) *tapped {
	k.t.Helper()
	p := newTap(k.site)
	env := append(p.env(),
		fmt.Sprintf("BRIDGE_KAFKA_SESSION_TIMEOUT=%v", killSession), "BRIDGE_KAFKA_REBALANCE_TIMEOUT=9s", "BRIDGE_KAFKA_HEARTBEAT_INTERVAL=300ms", "BRIDGE_KAFKA_TIMEOUT=3s",
		"BRIDGE_PUSH_TIMEOUT=1s", fmt.Sprintf("BRIDGE_PUSH_QUOTA=%d", killQuota),
		// What is slow here is the machine, and no breaker shall hide what follows.
		"BRIDGE_PUSH_BREAKER_FAILURES=1000")
	i := &tapped{tap: p, started: time.Now()}
	i.instance = k.run(append(env, more...)...)
	k.live = append(k.live, i)
	k.all = append(k.all, i)
	return i
}

// buried forgets an instance that has ended.
func (k *killSite) buried(dead *tapped) {
	for n, i := range k.live {
		if i == dead {
			k.live = append(k.live[:n:n], k.live[n+1:]...)
			return
		}
	}
}

var groupState = regexp.MustCompile(`"msg":"group state","state":"(\w+)"`)

// state returns what the instance is, by its log, and how often that has changed.
func (i *instance) state() (state string, changes int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, line := range i.lines {
		if found := groupState.FindStringSubmatch(line); found != nil {
			state = found[1]
			changes++
		}
	}
	return state, changes
}

// settled waits until one instance owns and all others stand by.
func (k *killSite) settled() (writer, standby *tapped) {
	k.t.Helper()
	eventually(k.t, "one instance owns and the others stand by", func() bool {
		writer, standby = nil, nil
		for _, i := range k.live {
			switch state, _ := i.state(); {
			case state == "owner" && writer == nil:
				writer = i
			case state == "standby":
				standby = i
			default:
				return false
			}
		}
		return writer != nil && standby != nil
	})
	return writer, standby
}

// owner waits until an instance other than this one owns, and returns it.
func (k *killSite) ownerBut(gone *tapped) *tapped {
	k.t.Helper()
	var next *tapped
	eventually(k.t, "another instance took over", func() bool {
		for _, i := range k.live {
			if state, _ := i.state(); i != gone && state == "owner" {
				next = i
				return true
			}
		}
		return false
	})
	return next
}

// kill ends the instance as a power cut does.
func (i *tapped) kill() {
	if err := i.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		i.t.Errorf("kill: %v", err)
	}
}

// asked is what an event of these rules asks for.
type asked struct {
	Tags []string `json:"tags"`
	Text string   `json:"text"`
	Key  string   `json:"key,omitempty"`
}

// event returns the text of an event, with an id of its own.
func (k *killSite) event(kind string, a asked) string {
	k.events++
	data, err := json.Marshal(a)
	if err != nil {
		k.t.Fatal(err)
	}
	return fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"/kill","type":%q,"data":%s}`, k.events, kind, data)
}

// write appends records to the partitions in turn, those of one partition at
// once, so that they are read together.
func (k *killSite) write(values ...string) {
	k.t.Helper()
	for p := range sitePartitions {
		var records []kafka.Record
		for n := p; n < len(values); n += sitePartitions {
			records = append(records, kafka.Record{
				Value: kafka.NewBytes([]byte(values[n])), Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
			})
		}
		if len(records) == 0 {
			continue
		}
		res, err := k.client.Produce(k.t.Context(), &kafka.ProduceRequest{
			Topic: k.topic("events"), Partition: p, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			k.t.Fatalf("write events: %v", err)
		}
	}
}

// quiet says whether every event was let go.
func (k *killSite) quiet() bool {
	for p := range sitePartitions {
		res, err := k.client.OffsetFetch(k.t.Context(), &kafka.OffsetFetchRequest{GroupID: k.topic("group"), Topics: map[string][]int{k.topic("events"): {p}}})
		if err != nil || res.Error != nil {
			return false // the coordinator is busy: asked again
		}
		if got, end := res.Topics[k.topic("events")][0].CommittedOffset, k.end(k.topic("events"), p); got != end && end != 0 {
			return false
		}
	}
	return true
}

// ask reads something of the simulator.
func (k *killSite) ask(path string, into any) {
	k.t.Helper()
	res, err := http.Get(k.url + path)
	if err != nil {
		k.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		k.t.Fatalf("%s: %v", path, err)
	}
}

// cities and levels are tags of the simulator's users, one of each a user.
var cities, levels = pushsim.Cities[:], pushsim.Levels[:]

// happenings are the events of one round: an alert for two cities, an offer, and
// in turn a notice for more tags than a call takes, of which users see both
// parts; two revisions; what nobody asks for and what is no event.
func (k *killSite) happenings(round int) []string {
	city := func(n int) []string { return []string{cities[(round+n)%len(cities)]} }
	values := []string{
		k.event("region.alert", asked{Tags: city(0), Text: fmt.Sprintf("alert %d", round)}),
		k.event("member.promo", asked{Tags: city(1), Text: fmt.Sprintf("promo %d", round)}),
		k.event("region.alert", asked{Tags: city(2), Text: fmt.Sprintf("alert %d", round)}),
	}
	switch round % 3 {
	case 0:
		tags := append(append([]string{}, levels...), cities[:8]...)
		return append(values, k.event("region.notice", asked{Tags: tags, Text: fmt.Sprintf("notice %d", round), Key: fmt.Sprint(round)}))
	case 1:
		return append(values,
			k.event("region.notice", asked{Tags: city(3), Text: fmt.Sprintf("notice %d, first", round), Key: fmt.Sprint(round)}),
			k.event("region.notice", asked{Tags: city(3), Text: fmt.Sprintf("notice %d, second", round), Key: fmt.Sprint(round)}))
	}
	return append(values, k.event("nobody.asks", asked{}), strings.Repeat("no event ", 3))
}
