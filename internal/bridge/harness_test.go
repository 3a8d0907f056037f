package bridge

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/pushapi/pushsim"
	"pushbridge/internal/results"
)

const (
	testApp   = 88888888
	testKey   = "secret-key-for-tests"
	testAdmin = "admin"
	apiAddr   = "localhost:8080"

	inTopic      = "events"
	resultsTopic = "results"
	dlqTopic     = "dead-letters"
	journalTopic = "journal"
	replayTopic  = "replays"
	testGroup    = "bridge"
	testInterval = time.Second + 100*time.Millisecond
)

// world is everything outside the bridge, in one bubble on one network in
// memory: Kafka, the API, its users.
type world struct {
	t       *testing.T
	network *kfake.VirtualNetwork
	broker  *devkafka.Broker
	client  *kafka.Client
	sim     *pushsim.Server
	rules   *mapper.Rules
	handler http.Handler
	api     *http.Server // nil while connections are refused
	served  chan struct{}
	running []*instance
	seed    uint32 // of the instances' random numbers
	events  int    // emitted

	partitions int  // of the input
	replays    bool // events come again
}

// setup is what a test's world is made of.
type setup struct {
	rules      string
	users      []pushsim.User
	sim        pushsim.Config // Apps are filled in
	partitions int32          // of the input; 0: 1
	replays    bool           // instances read replayTopic too
	apps       []uint32       // beside testApp, without users
	brokers    int            // 0: 1
	callers    []string       // who may call beside testAdmin

	metadataTTL time.Duration                   // of the world's own client; 0: a minute
	front       func(http.Handler) http.Handler // stands before the API; nil: nothing does
}

// inBubble runs the test on fake time in a world of its own.
func inBubble(t *testing.T, s setup, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, network: new(kfake.VirtualNetwork), partitions: int(max(1, s.partitions)), replays: s.replays}
		defer w.close()
		w.open(s)
		test(t, w)
	})
}

func (w *world) open(s setup) {
	t := w.t
	t.Helper()
	var err error
	if w.rules, err = mapper.Parse("rules.yaml", []byte(s.rules), mapper.Limits{}); err != nil {
		t.Fatal(err)
	}
	if w.broker, err = devkafka.StartVirtual(devkafka.Config{
		Network: w.network, Brokers: s.brokers,
		Topics: map[string]int32{inTopic: int32(w.partitions), resultsTopic: 1, dlqTopic: 1, replayTopic: 1},
	}); err != nil {
		t.Fatal(err)
	}
	w.must(w.broker.CreateTopic(journalTopic, 1, map[string]string{"message.timestamp.type": "LogAppendTime"}))
	w.client = &kafka.Client{
		Addr:      kafka.TCP(w.broker.Addrs()...),
		Transport: &kafka.Transport{Dial: w.broker.Dial, MetadataTTL: cmp.Or(s.metadataTTL, time.Minute)},
		Timeout:   2 * time.Second,
	}
	for _, app := range slices.Concat([]uint32{testApp}, s.apps) {
		s.sim.Apps = append(s.sim.Apps, pushsim.App{SDKAppID: app, SecretKey: testKey, Admins: append([]string{testAdmin}, s.callers...)})
	}
	if w.sim, err = pushsim.New(s.sim); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, u := range s.users {
		for name := range u.Attrs {
			names[name] = true
		}
	}
	if len(names) > 0 {
		w.must(w.sim.NameAttributes(slices.Sorted(maps.Keys(names))...))
	}
	if err := w.sim.Set(s.users...); err != nil {
		t.Fatal(err)
	}
	w.handler = w.sim
	if s.front != nil {
		w.handler = s.front(w.sim)
	}
	w.serveAPI()
}

// serveAPI answers calls from now on.
func (w *world) serveAPI() {
	w.t.Helper()
	ln, err := w.network.Listen("tcp", apiAddr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.api = &http.Server{Handler: w.handler, ReadHeaderTimeout: time.Minute}
	w.served = make(chan struct{})
	go func(api *http.Server, served chan struct{}) {
		defer close(served)
		_ = api.Serve(ln)
	}(w.api, w.served)
}

// refuseAPI makes every connection to the API be refused.
func (w *world) refuseAPI() {
	if w.api == nil {
		return
	}
	_ = w.api.Close()
	<-w.served
	w.api = nil
	for _, i := range w.running {
		i.closeLanes()
	}
}

func (w *world) close() {
	for _, i := range w.running {
		i.leave()
	}
	w.refuseAPI()
	if w.client != nil {
		w.client.Transport.(*kafka.Transport).CloseIdleConnections()
	}
	if w.broker != nil {
		w.broker.Close()
	}
	if w.t.Failed() {
		for _, i := range w.running {
			w.t.Logf("log of %s:\n%s", i.name, i.log)
		}
	}
}

// options are what a test changes about an instance.
type options struct {
	limits  Limits
	terms   intent.Terms // of the default lane
	lanes   []otherLane
	breaker uint32 // failures that open it
	timeout time.Duration

	linger time.Duration // of results; 0: the writer's own

	caller      string // who calls, to the API
	metadataTTL time.Duration
	group       consume.Config // its timeouts
	wire        *wire          // to Kafka and the API; nil: nothing ever happens to it
	clock       *clock         // nil: right
	hear        func(string)   // of each message before it is logged, where it is logged; nil: nobody does
}

// otherLane is a lane beside the default one.
type otherLane struct {
	name     string
	app      uint32
	terms    intent.Terms
	wrongKey string // behind the right one; empty: it is right
}

// instance is one process of the bridge.
type instance struct {
	w      *world
	name   string
	bridge *Bridge
	push   []*pushapi.Client
	wire   *wire
	group  *consume.Group
	reg    *prometheus.Registry
	log    *logBuffer
	stop   context.CancelFunc
	ended  chan struct{}
	err    error // of Run, once ended
}

// inPlenty gives an instance calls for everything.
func inPlenty(o *options) { o.terms.Calls = 10_000 }

// start runs an instance, put together as `bridge run` does it.
func (w *world) start(change ...func(*options)) *instance {
	w.t.Helper()
	o := options{
		terms: intent.Terms{Calls: 100, Interval: testInterval}, // of many more, none waits for others: see inPlenty
		limits: Limits{
			Settle:      time.Second,
			DedupWindow: 24 * time.Hour, DedupMax: 100_000, MaxPending: 100_000, StopWithin: 20 * time.Second,
		},
		timeout: 10 * time.Second,
		caller:  testAdmin, metadataTTL: time.Minute,
		group: consume.Config{SessionTimeout: 30 * time.Second, RebalanceTimeout: time.Minute, HeartbeatInterval: 5 * time.Second, Timeout: 2 * time.Second},
	}
	for _, c := range change {
		c(&o)
	}
	if o.wire == nil {
		o.wire = newWire(w.network)
	}
	i := &instance{w: w, wire: o.wire, name: fmt.Sprintf("instance %d", len(w.running)), reg: prometheus.NewRegistry(), log: &logBuffer{}, ended: make(chan struct{})}
	log := slog.New(hearing{slog.NewTextHandler(i.log, nil), o.hear})
	transport := &kafka.Transport{Dial: o.wire.dialKafka, MetadataTTL: o.metadataTTL}
	memory := journal.Config{Addr: w.client.Addr, Transport: o.clock.transport(transport), Topic: journalTopic}
	jlog, err := journal.New(memory)
	w.must(err)
	teller, err := results.New(results.Config{
		Addr: w.client.Addr, Transport: transport, Topic: resultsTopic, DLQTopic: dlqTopic,
		Registerer: i.reg, Format: results.Format{SDKAppID: testApp}, Linger: o.linger,
	})
	w.must(err)
	random := w.randoms()
	var lanes []Lane
	for _, l := range slices.Concat([]otherLane{{app: testApp, terms: o.terms}}, o.lanes) {
		client, err := pushapi.New(pushapi.Config{
			URL: "http://" + apiAddr, Dial: o.wire.dialAPI,
			Credentials: pushapi.Credentials{SDKAppID: l.app, Identifier: o.caller, Key: pushapi.NewKey(testKey + l.wrongKey)},
			Timeout:     o.timeout, Interval: l.terms.Interval, BreakerFailures: o.breaker, Logger: log, Random: random,
			Registerer: prometheus.WrapRegistererWith(prometheus.Labels{"lane": labelOf(l.name)}, i.reg),
		})
		w.must(err)
		i.push = append(i.push, client)
		lanes = append(lanes, Lane{Name: l.name, App: l.app, Pusher: client, Terms: l.terms, CallTimeout: o.timeout})
	}
	membership := o.group
	membership.Brokers, membership.Group, membership.Topics, membership.Transport = w.broker.Addrs(), testGroup, []string{inTopic}, transport
	replays := ""
	if w.replays {
		replays = replayTopic
		membership.Topics, membership.Aside = append(membership.Topics, replayTopic), []string{replayTopic}
	}
	membership.Dialer = &kafka.Dialer{DialFunc: o.wire.dialGroup, Timeout: o.group.Timeout}
	membership.Logger, membership.Registry = log, i.reg
	i.group, err = consume.New(membership)
	w.must(err)
	i.bridge, err = New(Config{
		Group: i.group, Replays: replays, Rules: w.rules, Journal: jlog, Lanes: lanes, Teller: teller,
		Recall: o.clock.recall(func(ctx context.Context, from journal.ReadFrom) (*journal.State, error) {
			return journal.Read(ctx, memory, from)
		}),
		Limits: o.limits, Random: random, Logger: log, Metrics: i.reg,
	})
	w.must(err)

	ctx, stop := context.WithCancel(context.Background())
	i.stop = stop
	w.running = append(w.running, i)
	go func() {
		defer close(i.ended)
		i.err = i.bridge.Run(ctx)
		if err := teller.Close(); err != nil && !i.wire.isDead() {
			w.t.Errorf("%s: close results: %v", i.name, err)
		}
		i.closeLanes()
		transport.CloseIdleConnections()
	}()
	return i
}

// randoms returns a source of numbers that no other instance gives out.
func (w *world) randoms() func() uint32 {
	w.seed += 0x01000000
	var mu sync.Mutex
	n := w.seed
	return func() uint32 {
		mu.Lock()
		defer mu.Unlock()
		n++
		return n
	}
}

// leave ends the instance as SIGTERM does, and waits for it.
func (i *instance) leave() {
	i.stop()
	<-i.ended
	if i.err != nil {
		i.w.t.Errorf("%s: Run: %v", i.name, i.err)
	}
}

func (i *instance) closeLanes() {
	for _, c := range i.push {
		c.Close()
	}
}

// seen is a Status with the default lane in front.
type seen struct {
	Status
	LaneStatus
}

// status asks the loop.
func (i *instance) status() seen {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s := i.bridge.Status(ctx)
	return seen{s, s.Lanes[0]}
}

// lane asks the loop about one lane.
func (i *instance) lane(name string) LaneStatus {
	i.w.t.Helper()
	for _, l := range i.status().Lanes {
		if l.Name == name {
			return l
		}
	}
	i.w.t.Fatalf("no lane %q", name)
	return LaneStatus{}
}

// metric returns the sum of a counter or gauge over its labels.
func (i *instance) metric(name string, labels ...string) float64 {
	i.w.t.Helper()
	families, err := i.reg.Gather()
	i.w.must(err)
	sum, found := 0.0, false
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := map[string]string{}
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			match := true
			for n := 0; n < len(labels); n += 2 {
				match = match && has[labels[n]] == labels[n+1]
			}
			if match {
				found = true
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if !found {
		i.w.t.Errorf("%s has no metric %s %v", i.name, name, labels)
	}
	return sum
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// sleep lets d pass and everything that follows from it happen.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// hearing has somebody listen to what is logged.
type hearing struct {
	slog.Handler
	hear func(string)
}

func (h hearing) Handle(ctx context.Context, r slog.Record) error {
	if h.hear != nil {
		h.hear(r.Message)
	}
	return h.Handler.Handle(ctx, r)
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
