package results

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

const (
	resultsTopic = "bridge.results"
	dlqTopic     = "bridge.dlq"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs f in a bubble with a broker of its own, whose topics have one
// partition each.
func inBubble(t *testing.T, f func(t *testing.T, cluster *kfake.Cluster, cfg Config)) {
	t.Helper()
	inBubbleOf(t, 1, f)
}

func inBubbleOf(t *testing.T, partitions int32, f func(t *testing.T, cluster *kfake.Cluster, cfg Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(network.Listen),
			kfake.SeedTopics(partitions, resultsTopic, dlqTopic))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		transport := &kafka.Transport{Dial: network.DialContext, MetadataTTL: time.Second}
		t.Cleanup(transport.CloseIdleConnections)
		f(t, cluster, Config{
			Addr: kafka.TCP("localhost:9092"), Transport: transport, Topic: resultsTopic, DLQTopic: dlqTopic,
			Format: Format{SDKAppID: 1400000001},
		})
	})
}

func newWriter(t *testing.T, cfg Config) *Writer {
	t.Helper()
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// readAll returns all records of the topic's first partition, as a foreign reader
// gets them.
func readAll(t *testing.T, cfg Config, topic string) []kafka.Message {
	t.Helper()
	return readPartition(t, cfg, topic, 0)
}

func readPartition(t *testing.T, cfg Config, topic string, partition int) []kafka.Message {
	t.Helper()
	client := &kafka.Client{Addr: cfg.Addr, Transport: cfg.Transport}
	var all []kafka.Message
	for {
		res, err := client.Fetch(t.Context(), &kafka.FetchRequest{
			Topic: topic, Partition: partition, Offset: int64(len(all)), MinBytes: 1, MaxBytes: 8 << 20, MaxWait: 10 * time.Millisecond,
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			t.Fatal(err)
		}
		before := len(all)
		for {
			rec, err := res.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			m := kafka.Message{Offset: rec.Offset, Time: rec.Time, Headers: append([]kafka.Header(nil), rec.Headers...)}
			if rec.Key != nil {
				if m.Key, err = kafka.ReadAll(rec.Key); err != nil {
					t.Fatal(err)
				}
			}
			if rec.Value != nil {
				if m.Value, err = kafka.ReadAll(rec.Value); err != nil {
					t.Fatal(err)
				}
			}
			if m.Offset >= int64(len(all)) {
				all = append(all, m)
			}
		}
		if len(all) == before {
			return all
		}
	}
}
