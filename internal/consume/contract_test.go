package consume_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/consume"
	"pushbridge/internal/kafkatest"
	"pushbridge/internal/offset"
)

var compressions = map[string]kafka.Compression{"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}

// What a producer wrote is what the bridge gets: both modes, every compression,
// keys, timestamps, and sizes beyond 64 KiB.
func TestContractReads(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	onBoth(t, func(t *testing.T, l *live) {
		when := time.UnixMilli(1770000000123)
		bigKey := []byte(strings.Repeat("k", 10_000))
		text := strings.Repeat("lorem ipsum ", 20_000) // 240 kB
		want := map[string]string{}                    // id to data
		add := func(partition int, c kafka.Compression, id string) {
			big := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/s","type":"t","data":%q}`, id+"-big", text)
			l.write(partition, c,
				kafka.Message{Time: when, Key: bigKey, Value: []byte(eventJSON(id + "-structured")),
					Headers: []kafka.Header{{Key: "Content-Type", Value: []byte("application/cloudevents+json; charset=UTF-8")}}},
				kafka.Message{Time: when, Value: []byte(`<a/>`), Headers: []kafka.Header{
					{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "CE_ID", Value: []byte(id + "-binary")}, {Key: "ce_source", Value: []byte("/s")},
					{Key: "ce_type", Value: []byte("t")}, {Key: "content-type", Value: []byte("application/xml")}}},
				kafka.Message{Time: when, Value: []byte(big), Headers: structured("").Headers},
			)
			want[id+"-structured"], want[id+"-binary"], want[id+"-big"] = `{"n":1}`, `<a/>`, `"`+text+`"`
		}
		for name, c := range compressions {
			add(0, c, name+"-0")
			add(1, c, name+"-1")
		}
		// A tombstone, an empty value and text are no events, and are not lost.
		l.write(0, 0, kafka.Message{Key: []byte("k")}, kafka.Message{Value: []byte{}}, kafka.Message{Value: []byte("hello")})

		records, lost := l.read(len(want)+3, nil)
		if len(lost) > 0 {
			t.Errorf("lost: %v", lost)
		}
		next := map[offset.Partition]int64{}
		got := map[string]string{}
		var classes []consume.Class
		for _, r := range records {
			if r.Position.Offset != next[r.Position.Partition] {
				t.Errorf("%s comes at %d", r.Position, next[r.Position.Partition])
			}
			next[r.Position.Partition]++
			if e, ok := errors.AsType[*consume.DecodeError](r.Err); ok {
				classes = append(classes, e.Class)
				if e.Class == consume.Tombstone && (r.Value != nil || string(r.Key) != "k") {
					t.Errorf("tombstone with key %q and value %q", r.Key, r.Value)
				}
				continue
			}
			got[r.Event.ID()] = string(r.Event.Data())
			if !r.Time.Equal(when) {
				t.Errorf("%s has time %v, want %v", r.Position, r.Time, when)
			}
			if wantKey := strings.HasSuffix(r.Event.ID(), "-structured"); wantKey != bytes.Equal(r.Key, bigKey) || !wantKey && r.Key != nil {
				t.Errorf("%s has a key of %d bytes", r.Position, len(r.Key))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%.2000s", diff)
		}
		if diff := cmp.Diff([]consume.Class{consume.Tombstone, consume.NotCloudEvent, consume.NotCloudEvent}, classes); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
	})
}

// librdkafka's producer, with its own encoding of everything.
func TestContractKcat(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		kafkatest.Missing(t, "kcat: apt-get install kcat")
	}
	onBoth(t, func(t *testing.T, l *live) {
		produce := func(stdin string, args ...string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), kcat, append([]string{"-P", "-b", l.addr, "-t", l.topic, "-X", "acks=all"}, args...)...)
			cmd.Stdin = strings.NewReader(stdin)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("kcat %v: %v\n%s", args, err, out)
			}
		}
		var want []string
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			produce("key-"+codec+"|data-"+codec, "-z", codec, "-K", "|", "-p", "0",
				"-H", "ce_specversion=1.0", "-H", "ce_id=binary-"+codec, "-H", "ce_source=/kcat", "-H", "ce_type=t", "-H", "content-type=text/plain", "-H", "ce_tenant=x")
			produce(eventJSON("structured-"+codec), "-z", codec, "-p", "1", "-H", "content-type=application/cloudevents+json")
			want = append(want, "binary-"+codec+" key-"+codec+" data-"+codec, "structured-"+codec+"  {\"n\":1}")
		}
		produce("x", "-p", "0", "-X", "enable.idempotence=true", "-H", "ce_specversion=0.3", "-H", "ce_id=old", "-H", "ce_source=/kcat", "-H", "ce_type=t")
		want = append(want, "old  x")

		records, _ := l.read(len(want), nil)
		var got []string
		for _, r := range records {
			if r.Err != nil {
				t.Error(r.Err)
				continue
			}
			got = append(got, fmt.Sprintf("%s %s %s", r.Event.ID(), r.Key, r.Event.Data()))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Commits of each partition count for who comes next, metadata too.
func TestContractCommits(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	onBoth(t, func(t *testing.T, l *live) {
		for p := range 2 {
			for i := range 5 {
				l.write(p, 0, structured(fmt.Sprintf("%d.%d", p, i)))
			}
		}
		l.read(10, func(ctx context.Context, s *consume.Session) {
			want := []consume.Assignment{{Partition: l.partition(0)}, {Partition: l.partition(1)}}
			for i := range want {
				want[i].Start = 0
			}
			if diff := cmp.Diff(want, s.Partitions()[:2]); diff != "" {
				t.Errorf("first session starts (-want +got):\n%s", diff)
			}
			if err := s.Commit(ctx, map[offset.Partition]int64{l.partition(0): 4, l.partition(1): 1}, `{"attempt":"7"}`); err != nil {
				t.Errorf("Commit: %v", err)
			}
			// Unchanged offsets with other metadata are a commit too: the fence.
			if err := s.Commit(ctx, map[offset.Partition]int64{l.partition(0): 4}, `done`); err != nil {
				t.Errorf("Commit: %v", err)
			}
		})
		records, lost := l.read(5, func(_ context.Context, s *consume.Session) {
			want := []consume.Assignment{
				{Partition: l.partition(0), Start: 4, Committed: true, Metadata: "done"},
				{Partition: l.partition(1), Start: 1, Committed: true, Metadata: `{"attempt":"7"}`},
			}
			if diff := cmp.Diff(want, s.Partitions()[:2]); diff != "" {
				t.Errorf("second session starts (-want +got):\n%s", diff)
			}
		})
		var got []string
		for _, r := range records {
			got = append(got, r.Event.ID())
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{"0.4", "1.1", "1.2", "1.3", "1.4"}, got); diff != "" || len(lost) > 0 {
			t.Errorf("second session reads (-want +got):\n%s\nlost %v", diff, lost)
		}
	})
}

// Newcomers wait, the next oldest takes over, and whoever hangs is fenced.
func TestContractMembers(t *testing.T) {
	t.Attr("promise", "one-writer")
	onBoth(t, func(t *testing.T, l *live) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		wait := func(what string, c <-chan *consume.Session) *consume.Session {
			t.Helper()
			select {
			case s := <-c:
				return s
			case <-ctx.Done():
				t.Fatalf("%s: nothing happened", what)
				return nil
			}
		}
		// a hangs in its third session, b and c do as they are told.
		sessions := make(chan *consume.Session)
		hang, hung := make(chan struct{}), make(chan struct{})
		a := l.join(func(ctx context.Context, s *consume.Session) error {
			sessions <- s
			<-ctx.Done()
			select {
			case <-hung:
				<-hang
			default:
			}
			return nil
		})
		first := wait("a joins", sessions)
		owned := make(chan *consume.Session)
		serveB := func(ctx context.Context, s *consume.Session) error {
			select {
			case owned <- s:
			case <-ctx.Done():
			}
			<-ctx.Done()
			return nil
		}
		b := l.join(serveB)
		second := wait("a serves on after b joined", sessions)
		if second.Generation() != first.Generation()+1 {
			t.Errorf("generation %d after %d: somebody was between", second.Generation(), first.Generation())
		}
		if err := second.Commit(ctx, map[offset.Partition]int64{l.partition(0): 0}, "a"); err != nil {
			t.Errorf("Commit by the owner: %v", err)
		}
		if err := first.Commit(ctx, map[offset.Partition]int64{l.partition(0): 0}, "stale"); !errors.Is(err, consume.ErrNotOwner) {
			t.Errorf("Commit by the last session: %v, want ErrNotOwner", err)
		}
		close(hung)
		c := l.join(func(ctx context.Context, _ *consume.Session) error { <-ctx.Done(); return nil })
		took := wait("b takes over from a, which hangs", owned)
		if err := took.Commit(ctx, map[offset.Partition]int64{l.partition(0): 0}, "b"); err != nil {
			t.Errorf("Commit by the new owner: %v", err)
		}
		if err := second.Commit(ctx, map[offset.Partition]int64{l.partition(0): 0}, "zombie"); !errors.Is(err, consume.ErrNotOwner) {
			t.Errorf("Commit by the member that hung: %v, want ErrNotOwner", err)
		}
		res, err := l.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: l.group, Topics: map[string][]int{l.topic: {0}}})
		if err != nil || res.Topics[l.topic][0].Metadata != "b" {
			t.Errorf("stored metadata: %v, %v, want b", res, err)
		}
		c.leave(t)
		b.leave(t)
		close(hang)
		a.stop()
		for ended := false; !ended; {
			select {
			case <-sessions: // a is back, and alone
			case err := <-a.ended:
				if err != nil {
					t.Errorf("Run: %v", err)
				}
				ended = true
			}
		}
	})
}

// Aborted transactions never happened, and the markers around them end nothing.
func TestContractTransactions(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	onBoth(t, func(t *testing.T, l *live) {
		producer, err := kgo.NewClient(kgo.SeedBrokers(l.addr), kgo.TransactionalID(l.group), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			t.Fatal(err)
		}
		defer producer.Close()
		for i, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for j := range 3 {
				record := &kgo.Record{Topic: l.topic, Value: []byte(eventJSON(fmt.Sprintf("%d.%d", i, j))),
					Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}}}
				if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if err := producer.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
		l.write(0, 0, structured("last"))
		records, _ := l.read(7, nil)
		var got []string
		for _, r := range records {
			got = append(got, r.Event.ID())
		}
		if diff := cmp.Diff([]string{"1.0", "1.1", "1.2", "3.0", "3.1", "3.2", "last"}, got); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
	})
}

// Offsets below the log and above it are reported, never skipped in silence.
func TestContractLosses(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	onBoth(t, func(t *testing.T, l *live) {
		for i := range 10 {
			l.write(0, 0, structured(fmt.Sprint(i)))
			l.write(1, 0, structured(fmt.Sprint(i)))
		}
		l.read(20, func(ctx context.Context, s *consume.Session) {
			if err := s.Commit(ctx, map[offset.Partition]int64{l.partition(0): 2, l.partition(1): 15}, ""); err != nil {
				t.Errorf("Commit: %v", err)
			}
		})
		admin, err := kgo.NewClient(kgo.SeedBrokers(l.addr))
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		req := kmsg.NewDeleteRecordsRequest()
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic = l.topic
		topic.Partitions = []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 6}}
		req.Topics = append(req.Topics, topic)
		if _, err := req.RequestWith(t.Context(), admin); err != nil {
			t.Fatal(err)
		}
		records, lost := l.read(4+10, nil)
		slices.SortFunc(lost, func(a, b consume.Loss) int { return a.Partition.Compare(b.Partition) })
		want := []consume.Loss{
			{Partition: l.partition(0), Kind: consume.Expired, First: 2, Last: 5, Count: 4},
			{Partition: l.partition(1), Kind: consume.Rewound, First: 10, Last: 14},
		}
		if diff := cmp.Diff(want, lost); diff != "" {
			t.Errorf("lost (-want +got):\n%s", diff)
		}
		if got := len(records); got != 14 {
			t.Errorf("%d records, want 4 and 10", got)
		}
	})
}

// Logins and certificates as a real broker wants them; the embedded one has its
// own tests of the same.
func TestContractSecurity(t *testing.T) {
	t.Attr("guards", "the bridge gets into a secured Kafka, and says so when it does not")
	t.Parallel()
	for name, tt := range map[string]struct {
		listener  kafkatest.Listener
		mechanism sasl.Mechanism
		secure    bool
		wantErr   string
	}{
		"PLAIN":                 {listener: kafkatest.SASL, mechanism: plain.Mechanism{Username: "alice", Password: "alice-secret"}},
		"SCRAM-SHA-256":         {listener: kafkatest.SASL, mechanism: scramOf(t, scram.SHA256, "alice-secret")},
		"SCRAM-SHA-512":         {listener: kafkatest.SASL, mechanism: scramOf(t, scram.SHA512, "alice-secret")},
		"TLS":                   {listener: kafkatest.TLS, secure: true},
		"TLS and SCRAM-SHA-512": {listener: kafkatest.SASLTLS, mechanism: scramOf(t, scram.SHA512, "alice-secret"), secure: true},
		"PLAIN, wrong":          {listener: kafkatest.SASL, mechanism: plain.Mechanism{Username: "alice", Password: "bad-secret"}, wantErr: "BRIDGE_KAFKA_SASL_PASSWORD"},
		"SCRAM-SHA-256, wrong":  {listener: kafkatest.SASL, mechanism: scramOf(t, scram.SHA256, "bad-secret"), wantErr: "BRIDGE_KAFKA_SASL_PASSWORD"},
		"SCRAM-SHA-512, wrong":  {listener: kafkatest.SASL, mechanism: scramOf(t, scram.SHA512, "bad-secret"), wantErr: "BRIDGE_KAFKA_SASL_PASSWORD"},
		"a login nobody offers": {listener: kafkatest.SASL, mechanism: strange{}, wantErr: "BRIDGE_KAFKA_SASL_MECHANISM"},
		"no login":              {listener: kafkatest.SASL, wantErr: "BRIDGE_KAFKA_SASL_MECHANISM"},
		"no TLS":                {listener: kafkatest.TLS, wantErr: "BRIDGE_KAFKA_TLS_ENABLED"},
		"TLS on a port without": {listener: kafkatest.Plain, secure: true, wantErr: "BRIDGE_KAFKA_TLS_ENABLED"},
		"TLS, no login":         {listener: kafkatest.SASLTLS, secure: true, wantErr: "BRIDGE_KAFKA_SASL_MECHANISM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := kafkatest.Address(t, tt.listener)
			secure := trustRealKafka(t)
			if !tt.secure {
				secure = nil
			}
			if tt.wantErr == "" {
				l := newLive(t, addr, tt.mechanism, secure)
				l.write(0, 0, structured("e"))
				if records, _ := l.read(1, nil); records[0].Err != nil || records[0].Event.ID() != "e" {
					t.Errorf("read %v", records)
				}
				return
			}
			l := &live{t: t, addr: addr, transport: &kafka.Transport{SASL: tt.mechanism, TLS: secure}, dialer: &kafka.Dialer{Timeout: 5 * time.Second, SASLMechanism: tt.mechanism, TLS: secure}}
			defer l.transport.CloseIdleConnections()
			wantErr(t, l.check([]string{"events"}, nil), tt.wantErr)
		})
	}
	t.Run("an authority nobody knows", func(t *testing.T) {
		t.Parallel()
		addr := kafkatest.Address(t, kafkatest.TLS)
		secure := trustRealKafka(t)
		secure.RootCAs = nil // the system's
		l := &live{t: t, addr: addr, transport: &kafka.Transport{TLS: secure}, dialer: &kafka.Dialer{Timeout: 5 * time.Second, TLS: secure}}
		defer l.transport.CloseIdleConnections()
		wantErr(t, l.check([]string{"events"}, nil), "BRIDGE_KAFKA_TLS_CA_FILE")
	})
}
