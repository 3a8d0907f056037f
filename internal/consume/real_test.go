package consume_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/kafkatest"
	"pushbridge/internal/offset"
)

// onBoth runs a part of the contract on the embedded broker and on Apache Kafka.
func onBoth(t *testing.T, part func(*testing.T, *live)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		broker, err := devkafka.Start(devkafka.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(broker.Close)
		part(t, newLive(t, broker.Addrs()[0], nil, nil))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		part(t, newLive(t, kafkatest.Address(t, kafkatest.Plain), nil, nil))
	})
}

// trustRealKafka returns TLS settings that trust the real broker's certificate.
func trustRealKafka(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(kafkatest.CAFile(t))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("ca.pem holds no certificate")
	}
	return &tls.Config{RootCAs: pool}
}

// live is a broker on a socket, with topics and a group of the test's own.
type live struct {
	t         *testing.T
	addr      string
	group     string
	topic     string // 2 partitions
	transport *kafka.Transport
	dialer    *kafka.Dialer
	client    *kafka.Client
}

// patience ends a test that waits for something that does not come.
const patience = 60 * time.Second

func newLive(t *testing.T, addr string, mechanism sasl.Mechanism, secure *tls.Config) *live {
	t.Helper()
	l := &live{t: t, addr: addr, group: "group-" + rand.Text(), topic: "events-" + rand.Text()}
	l.transport = &kafka.Transport{MetadataTTL: time.Second, SASL: mechanism, TLS: secure, MetadataTopics: []string{l.topic}}
	l.dialer = &kafka.Dialer{Timeout: 5 * time.Second, SASLMechanism: mechanism, TLS: secure}
	l.client = &kafka.Client{Addr: kafka.TCP(addr), Transport: l.transport, Timeout: 10 * time.Second}
	t.Cleanup(l.transport.CloseIdleConnections)
	// Check creates it as it would create the bridge's own.
	if err := l.check(nil, []string{l.topic}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := l.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{l.topic}}); err != nil {
			t.Errorf("delete topic: %v", err)
		}
	})
	return l
}

func (l *live) check(inputs, outputs []string) error {
	return consume.Check(l.t.Context(), consume.CheckConfig{
		Brokers: []string{l.addr}, Transport: l.transport, Dialer: l.dialer,
		Inputs: inputs, Outputs: outputs, Create: true, Timeout: 10 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})
}

func (l *live) partition(id int32) offset.Partition { return offset.Partition{Topic: l.topic, ID: id} }

// write appends messages to a partition in one batch.
func (l *live) write(partition int, compression kafka.Compression, messages ...kafka.Message) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		var records []kafka.Record // an attempt uses them up
		for _, m := range messages {
			records = append(records, kafka.Record{Time: m.Time, Key: kafka.NewBytes(m.Key), Value: kafka.NewBytes(m.Value), Headers: m.Headers})
		}
		res, err := l.client.Produce(ctx, &kafka.ProduceRequest{
			Topic: l.topic, Partition: partition, RequiredAcks: kafka.RequireAll, Compression: compression, Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = res.Error
		}
		switch temporary, ok := errors.AsType[kafka.Error](err); {
		case err == nil:
			return
		case !ok || !temporary.Temporary() || ctx.Err() != nil:
			l.t.Fatalf("write: %v", err)
		}
	}
}

func structured(id string) kafka.Message {
	return kafka.Message{
		Value:   []byte(eventJSON(id)),
		Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
	}
}

// liveMember is a member of the live group.
type liveMember struct {
	group *consume.Group
	stop  context.CancelFunc
	ended chan error
}

// join starts a member with short timeouts.
func (l *live) join(serve func(context.Context, *consume.Session) error) *liveMember {
	l.t.Helper()
	group, err := consume.New(consume.Config{
		Brokers: []string{l.addr}, Group: l.group, Topics: []string{l.topic}, Transport: l.transport, Dialer: l.dialer,
		SessionTimeout: 3 * time.Second, RebalanceTimeout: 3 * time.Second, HeartbeatInterval: 200 * time.Millisecond, Timeout: 5 * time.Second,
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(l.t.Context(), 2*patience)
	m := &liveMember{group: group, stop: stop, ended: make(chan error, 1)}
	go func() { m.ended <- group.Run(ctx, serve) }()
	return m
}

func (m *liveMember) leave(t *testing.T) {
	t.Helper()
	m.stop()
	if err := <-m.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// read joins alone, receives until n records are there, and leaves. then is
// called while the session lasts; nil: nothing is.
func (l *live) read(n int, then func(context.Context, *consume.Session)) ([]consume.Record, []consume.Loss) {
	l.t.Helper()
	type result struct {
		records []consume.Record
		lost    []consume.Loss
	}
	done := make(chan result, 1)
	m := l.join(func(ctx context.Context, s *consume.Session) error {
		var r result
		for len(r.records) < n {
			select {
			case b := <-s.Records():
				r.records = append(r.records, b.Records...)
				if b.Lost != nil {
					r.lost = append(r.lost, *b.Lost)
				}
			case <-ctx.Done():
				return nil
			}
		}
		if then != nil {
			then(ctx, s)
		}
		done <- r
		<-ctx.Done()
		return nil
	})
	defer m.leave(l.t)
	select {
	case r := <-done:
		return r.records, r.lost
	case <-time.After(patience):
		l.t.Fatalf("%d records did not come", n)
		return nil, nil
	}
}
