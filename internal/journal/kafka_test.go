package journal

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"pushbridge/internal/devkafka"
)

const topic = "bridge.journal"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs f in a bubble with a broker of its own that has the topics, one
// partition each.
func inBubble(t *testing.T, f func(t *testing.T, cluster *kfake.Cluster, cfg Config), topics ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		seed := map[string]int32{}
		for _, name := range topics {
			seed[name] = 1
		}
		broker, err := devkafka.StartVirtual(devkafka.Config{Topics: seed})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(broker.Close)
		transport := &kafka.Transport{Dial: broker.Dial, MetadataTTL: time.Second}
		t.Cleanup(transport.CloseIdleConnections)
		f(t, broker.Cluster(), Config{Addr: kafka.TCP(broker.Addrs()...), Transport: transport, Topic: topic})
	})
}

func newLog(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(t *testing.T, cfg Config, from ReadFrom) *State {
	t.Helper()
	s, err := Read(t.Context(), cfg, from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
