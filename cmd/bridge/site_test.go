package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/config"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/kafkatest"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi/pushsim"
)

// onBoth runs a test with the embedded broker and with Apache Kafka.
func onBoth(t *testing.T, test func(*testing.T, *site)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embeddedSite(t))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, newSite(t, kafkatest.Address(t, kafkatest.Plain)))
	})
}

// embeddedSite is a site with a broker of its own.
func embeddedSite(t *testing.T) *site {
	t.Helper()
	broker, err := devkafka.Start(devkafka.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return newSite(t, broker.Addrs()[0])
}

// siteRules push at once: what is tested here is not when.
const siteRules = `version: 1
rules:
  - name: alert
    match: {type: region.alert}
    audience: {tags_any: ["${data.city}"]}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {priority: critical, max_delay: 4s, expire_after: 6h, on_doubt: resend}
  - name: promo
    match: {type: member.promo}
    audience: {tags_any: ["${data.city}"]}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {priority: critical, max_delay: 4s, expire_after: 6h, on_doubt: drop}
`

// site is all that processes of the bridge need around them: a broker with
// topics and a group of the test's own, the simulated API, a rule file.
type site struct {
	t      *testing.T
	addr   string
	name   string // in the names of topics and group
	client *kafka.Client
	sim    *pushsim.Server
	url    string
	rules  string
}

const sitePartitions = 2

func newSite(t *testing.T, addr string) *site {
	t.Helper()
	s := openSite(t, addr, siteRules)
	s.serveAPI()
	return s
}

// openSite is a site without an API.
func openSite(t *testing.T, addr, rules string) *site {
	t.Helper()
	s := &site{t: t, addr: addr, name: strings.ToLower(rand.Text()[:10]), rules: filepath.Join(t.TempDir(), "rules.yaml")}
	transport := &kafka.Transport{MetadataTTL: time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &kafka.Client{Addr: kafka.TCP(addr), Transport: transport, Timeout: 20 * time.Second}
	created, err := s.client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: s.topic("events"), NumPartitions: sitePartitions, ReplicationFactor: 1}},
	})
	if err := errors.Join(err, created.Errors[s.topic("events")]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.deleteTopics)
	if err := os.WriteFile(s.rules, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) topic(name string) string { return name + "-" + s.name }

func (s *site) deleteTopics() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, _ = s.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{ // some of them were never made
		Topics: []string{s.topic("events"), s.topic("results"), s.topic("dlq"), s.topic("journal"), s.topic("replay")},
	})
}

// serveAPI starts the simulator with two users in each of some cities.
func (s *site) serveAPI() {
	s.t.Helper()
	var err error
	s.sim, err = pushsim.New(pushsim.Config{Apps: []pushsim.App{{SDKAppID: demoApp, SecretKey: demoKey, Admins: []string{demoIdentifier}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, city := range []string{"berlin", "lima", "oslo", "quito"} {
		for _, who := range []string{"anna", "bo"} {
			if err := s.sim.Set(pushsim.User{ID: who + "-" + city, Tags: []string{city}}); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.sim.Run(serving, ln) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.t.Errorf("simulator: %v", err)
		}
	})
	s.url = "http://" + ln.Addr().String()
}

func (s *site) env(more ...string) []string {
	return append([]string{
		"BRIDGE_KAFKA_BROKERS=" + s.addr, "BRIDGE_KAFKA_TOPICS=" + s.topic("events"), "BRIDGE_KAFKA_GROUP=" + s.topic("group"),
		"BRIDGE_KAFKA_RESULTS_TOPIC=" + s.topic("results"), "BRIDGE_KAFKA_DLQ_TOPIC=" + s.topic("dlq"), "BRIDGE_KAFKA_JOURNAL_TOPIC=" + s.topic("journal"),
		"BRIDGE_KAFKA_REPLAY_TOPIC=" + s.topic("replay"),
		fmt.Sprintf("BRIDGE_PUSH_SDKAPPID=%d", demoApp), "BRIDGE_PUSH_IDENTIFIER=" + demoIdentifier, "BRIDGE_PUSH_SECRET_KEY=" + demoKey,
		"BRIDGE_PUSH_URL=" + s.url, "BRIDGE_RULES_FILE=" + s.rules, "BRIDGE_HTTP_ADDR=127.0.0.1:0", "BRIDGE_SETTLE=100ms",
		// A member that was killed is missed this soon.
		"BRIDGE_KAFKA_SESSION_TIMEOUT=8s", "BRIDGE_KAFKA_REBALANCE_TIMEOUT=15s", "BRIDGE_KAFKA_HEARTBEAT_INTERVAL=500ms", "BRIDGE_PUSH_TIMEOUT=5s",
	}, more...)
}

// instance is one `bridge run`.
type instance struct {
	*process
	url string // of its health and metrics
}

func (s *site) run(more ...string) *instance {
	s.t.Helper()
	p := startBridge(s.t, s.env(more...), "run")
	return &instance{process: p, url: "http://" + p.find(`"msg":"bridge runs".*"http":"([^"]+)"`)[1]}
}

// assemble puts a pipeline together in this process, as `bridge run` does.
func (s *site) assemble(more ...string) *pipeline {
	s.t.Helper()
	cfg, _, err := config.Load(s.env(more...))
	if err != nil {
		s.t.Fatal(err)
	}
	rules, err := mapper.Load(cfg.RulesFile, mapper.Limits{MaxRequestBytes: cfg.Push.MaxBytes})
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := newPipeline(s.t.Context(), cfg, rules, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.close)
	return p
}

// owns waits until the instance is the writer.
func (i *instance) owns() {
	i.t.Helper()
	i.find(`"msg":"group state","state":"owner"`)
}

// stop ends the instance as an orchestrator does.
func (i *instance) stop() {
	i.t.Helper()
	i.signal(syscall.SIGTERM)
	if code := i.wait(); code != 0 {
		i.t.Errorf("exit code %d after SIGTERM", code)
	}
	i.find(`"msg":"bridge stopped"`)
	if strings.Contains(i.stderr(), demoKey) {
		i.t.Error("the log holds the secret key")
	}
}

// happening is an event that asks the users of a city to read a text.
func happening(id, kind, city, text string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/site","type":%q,"partitionkey":%q,"datacontenttype":"application/json","data":{"city":%q,"text":%q}}`, id, kind, city, city, text)
}

// emit writes events with `bridge emit`.
func (s *site) emit(args []string, events ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "bridge", append([]string{"emit", "--brokers", s.addr, "--topic", s.topic("events"), "-"}, args...)...)
	cmd.Stdin = strings.NewReader(strings.Join(events, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("bridge emit: %v\n%s", err, out)
	}
}
