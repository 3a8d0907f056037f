package consume_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/offset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Timeouts of the members in bubbles, where time costs nothing.
const (
	heartbeat        = 500 * time.Millisecond
	sessionTimeout   = 10 * time.Second
	rebalanceTimeout = 20 * time.Second
	requestTimeout   = 2 * time.Second
)

// kit is a broker in memory and what tests do with it.
type kit struct {
	t         *testing.T
	broker    *devkafka.Broker
	transport *kafka.Transport
	client    *kafka.Client
}

// bubble runs the test on fake time with brokers of its own.
func bubble(t *testing.T, cfg devkafka.Config, test func(*testing.T, *kit)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broker, err := devkafka.StartVirtual(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer broker.Close()
		transport := &kafka.Transport{Dial: broker.Dial, MetadataTTL: time.Second}
		defer transport.CloseIdleConnections()
		test(t, &kit{
			t: t, broker: broker, transport: transport,
			client: &kafka.Client{Addr: kafka.TCP(broker.Addrs()...), Transport: transport, Timeout: requestTimeout},
		})
	})
}

// produce appends events with the ids to a partition.
func (k *kit) produce(p offset.Partition, ids ...string) {
	k.t.Helper()
	for _, id := range ids {
		res, err := k.client.Produce(k.t.Context(), &kafka.ProduceRequest{
			Topic: p.Topic, Partition: int(p.ID), RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{
				Value:   kafka.NewBytes([]byte(eventJSON(id))),
				Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
			}),
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			k.t.Fatalf("produce %s: %v", id, err)
		}
	}
}

func eventJSON(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":"test.event","data":{"n":1}}`, id)
}

func ids(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return list
}

// member is one process in the group, and what it has seen.
type member struct {
	k     *kit
	name  string
	group *consume.Group
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of Run, once ended
	log   *logBuffer

	mu       sync.Mutex
	session  *consume.Session // while serving
	sessions []int32          // generations served
	ids      []string         // events in the order of their coming
	next     map[offset.Partition]int64
	lost     []consume.Loss
	states   []consume.State
}

// join starts a member whose serve is the function, or receives everything.
func (k *kit) join(name string, serve func(context.Context, *member, *consume.Session) error, topics ...string) *member {
	k.t.Helper()
	m := &member{k: k, name: name, ended: make(chan struct{}), next: make(map[offset.Partition]int64), log: new(logBuffer)}
	transport := &kafka.Transport{Dial: k.broker.Dial, MetadataTTL: time.Second}
	group, err := consume.New(consume.Config{
		Brokers: k.broker.Addrs(), Group: "bridge", Topics: topics,
		Transport: transport, Dialer: &kafka.Dialer{DialFunc: k.broker.Dial, Timeout: requestTimeout},
		SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout, HeartbeatInterval: heartbeat, Timeout: requestTimeout,
		Logger: slog.New(slog.NewTextHandler(m.log, nil)), Registry: prometheus.NewRegistry(),
		OnState: func(s consume.State) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.states = append(m.states, s)
		},
	})
	if err != nil {
		k.t.Fatal(err)
	}
	m.group = group
	if serve == nil {
		serve = receive
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go func() {
		defer close(m.ended)
		defer transport.CloseIdleConnections()
		m.err = group.Run(ctx, func(ctx context.Context, s *consume.Session) error {
			m.mu.Lock()
			m.session = s
			m.sessions = append(m.sessions, s.Generation())
			clear(m.next)
			m.mu.Unlock()
			defer func() {
				m.mu.Lock()
				m.session = nil
				m.mu.Unlock()
			}()
			return serve(ctx, m, s)
		})
	}()
	return m
}

// receive takes every batch until the session ends.
func receive(ctx context.Context, m *member, s *consume.Session) error {
	for {
		select {
		case b := <-s.Records():
			m.take(b)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take notes a batch, and fails the test where it does not follow the last.
func (m *member) take(b consume.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Lost != nil {
		m.lost = append(m.lost, *b.Lost)
	} else if b.Next <= m.next[b.Partition] {
		m.k.t.Errorf("%s: %s: batch ends at %d after %d", m.name, b.Partition, b.Next, m.next[b.Partition])
	}
	m.next[b.Partition] = b.Next
	for _, r := range b.Records {
		if r.Err != nil {
			m.k.t.Errorf("%s: %v", m.name, r.Err)
			continue
		}
		m.ids = append(m.ids, r.Event.ID())
	}
}

// seen returns the ids so far.
func (m *member) seen() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.ids...)
}

// serving returns the current session, nil where there is none.
func (m *member) serving() *consume.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session
}

// generations returns how many this member has served.
func (m *member) generations() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

// leave ends the member and waits for it.
func (m *member) leave() {
	m.k.t.Helper()
	m.stop()
	<-m.ended
	if m.err != nil {
		m.k.t.Errorf("%s: Run: %v", m.name, m.err)
	}
	if got := m.group.State(); got != consume.Joining {
		m.k.t.Errorf("%s: left in state %s", m.name, got)
	}
}

// settle lets the group and the fetches come to rest.
func settle() {
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

// owner returns the only member that serves.
func owner(t *testing.T, members ...*member) *member {
	t.Helper()
	var found *member
	for _, m := range members {
		serving := m.serving() != nil
		if serving != m.group.Writer() {
			t.Errorf("%s: serving %t, but Writer says %t", m.name, serving, m.group.Writer())
		}
		if !serving {
			continue
		}
		if found != nil {
			t.Errorf("%s and %s serve at once", found.name, m.name)
		}
		found = m
	}
	if found == nil {
		t.Fatal("nobody serves")
	}
	return found
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

func (b *logBuffer) count(part string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), part)
}

// committed reads the group's offset and metadata as an outsider.
func (k *kit) committed(p offset.Partition) (int64, string) {
	k.t.Helper()
	res, err := k.client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{
		GroupID: "bridge", Topics: map[string][]int{p.Topic: {int(p.ID)}},
	})
	if err != nil {
		k.t.Fatal(errors.Join(err))
	}
	got := res.Topics[p.Topic][0]
	return got.CommittedOffset, got.Metadata
}
