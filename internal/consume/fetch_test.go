package consume_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/offset"
)

var events1 = offset.Partition{Topic: "events", ID: 1}

// Leaders move while records come in: each is read once, in order.
func TestFetchFollowsTheLeader(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	bubble(t, devkafka.Config{Brokers: 3, Topics: map[string]int32{"events": 2}}, func(t *testing.T, k *kit) {
		a := k.join("a", nil, "events")
		settle()
		var want []string
		for i := range 12 {
			for _, p := range []offset.Partition{events0, events1} {
				id := fmt.Sprintf("e%d.%d", p.ID, i)
				leader := k.broker.Cluster().LeaderFor(p.Topic, p.ID)
				k.produce(p, id)
				want = append(want, id)
				if err := k.broker.Cluster().MoveTopicPartition(p.Topic, p.ID, (leader+1)%3); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second) // producers of this test do not retry
			}
		}
		settle()
		got := a.seen()
		for _, p := range []string{"e0.", "e1."} {
			inOrder := func(ids []string) []string {
				return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !strings.HasPrefix(id, p) })
			}
			if diff := cmp.Diff(inOrder(want), inOrder(got)); diff != "" {
				t.Errorf("partition %s (-want +got):\n%s", p, diff)
			}
		}
		a.leave()
	})
}

// What retention deleted before it was read is reported, with the exact number,
// whether the member was away or only slow.
func TestExpiredOffsetsAreReported(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		k.produce(events0, ids("e", 10)...)
		first := k.join("first", func(ctx context.Context, m *member, s *consume.Session) error {
			if err := s.Commit(ctx, map[offset.Partition]int64{events0: 2}, ""); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return nil
		}, "events")
		settle()
		first.leave()
		if err := k.broker.Cluster().DeleteRecords("events", 0, 6); err != nil {
			t.Fatal(err)
		}

		hold := make(chan struct{})
		a := k.join("a", func(ctx context.Context, m *member, s *consume.Session) error {
			m.take(<-s.Records()) // the loss
			m.take(<-s.Records()) // e6 to e9
			<-hold
			return receive(ctx, m, s)
		}, "events")
		settle()
		k.produce(events0, ids("f", 5)...)
		settle() // the fetcher holds f0 now, and perhaps more
		if err := k.broker.Cluster().DeleteRecords("events", 0, 15); err != nil {
			t.Fatal(err)
		}
		k.produce(events0, "g")
		close(hold)
		settle()

		read := a.seen()
		if diff := cmp.Diff([]string{"e6", "e7", "e8", "e9", "f0"}, read[:5]); diff != "" {
			t.Fatalf("read (-want +got):\n%s", diff)
		}
		if last := read[len(read)-1]; last != "g" {
			t.Errorf("last read is %s, want g", last)
		}
		stopped := int64(10 + len(read) - 5) // after f0 and what came with it
		want := []consume.Loss{
			{Partition: events0, Kind: consume.Expired, First: 2, Last: 5, Count: 4},
			{Partition: events0, Kind: consume.Expired, First: stopped, Last: 14, Count: 15 - stopped},
		}
		if diff := cmp.Diff(want, a.lost); diff != "" {
			t.Errorf("lost (-want +got):\n%s", diff)
		}
		a.leave()
	})
}

// A committed offset above the log's end means another log than the one that
// was read: all of it is read, and that is said first.
func TestRewoundLogIsReportedAndRead(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		first := k.join("first", func(ctx context.Context, m *member, s *consume.Session) error {
			if err := s.Commit(ctx, map[offset.Partition]int64{events0: 10}, ""); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return nil
		}, "events")
		settle()
		first.leave()
		k.produce(events0, ids("new", 3)...)

		a := k.join("a", nil, "events")
		settle()
		if diff := cmp.Diff([]consume.Loss{{Partition: events0, Kind: consume.Rewound, First: 3, Last: 9}}, a.lost); diff != "" {
			t.Errorf("lost (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(ids("new", 3), a.seen()); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
		a.leave()
	})
}

// Only what was committed by its producer happened. The log ends in a marker,
// behind which nothing may spin.
func TestTransactions(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		producer, err := kgo.NewClient(
			kgo.SeedBrokers(k.broker.Addrs()...), kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("events"),
			kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				return k.broker.Dial(ctx, network, address)
			}))
		if err != nil {
			t.Fatal(err)
		}
		defer producer.Close()
		transaction := func(commit kgo.TransactionEndTry, ids ...string) {
			t.Helper()
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				record := kgo.Record{Value: []byte(eventJSON(id)), Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}}}
				if err := producer.ProduceSync(t.Context(), &record).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if err := producer.EndTransaction(t.Context(), commit); err != nil {
				t.Fatal(err)
			}
		}
		transaction(kgo.TryAbort, "aborted0", "aborted1") // 0, 1, marker 2
		transaction(kgo.TryCommit, "e0", "e1")            // 3, 4, marker 5
		k.produce(events0, "e2")                          // 6
		transaction(kgo.TryAbort, "aborted2")             // 7, marker 8
		transaction(kgo.TryCommit, "e3")                  // 9, marker 10
		transaction(kgo.TryAbort, "aborted3")             // 11, marker 12

		a := k.join("a", nil, "events")
		settle()
		if diff := cmp.Diff([]string{"e0", "e1", "e2", "e3"}, a.seen()); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
		if got := a.next[events0]; got != 13 {
			t.Errorf("read up to %d, want 13, behind the last marker", got)
		}
		fetches := k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: -1, Observe: true})
		time.Sleep(time.Minute)
		if got := fetches.Hits(); got > 121 {
			t.Errorf("%d fetches in an idle minute, want one each half second", got)
		}
		a.leave()

		// A successor that starts behind the records of an aborted transaction,
		// at its marker, must not take the next one of that producer for it.
		for start, want := range map[int64][]string{2: {"e0", "e1", "e2", "e3"}, 8: {"e3"}, 12: nil} {
			m := k.join(fmt.Sprintf("from %d", start), func(ctx context.Context, m *member, s *consume.Session) error {
				if s.Partitions()[0].Start == start {
					return receive(ctx, m, s)
				}
				if err := s.Commit(ctx, map[offset.Partition]int64{events0: start}, ""); err != nil {
					t.Error(err)
				}
				return nil // join again, and start there
			}, "events")
			settle()
			if diff := cmp.Diff(want, m.seen()); diff != "" {
				t.Errorf("read from %d (-want +got):\n%s", start, diff)
			}
			m.leave()
		}
	})
}

// A broker that has records and sends none is a fault that no one sees from
// outside: the lag stands still, no request fails. Where retention takes those
// records, that ends it: the loss is said, and what follows is read.
func TestStandstillIsToldOnce(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		a := k.join("a", nil, "events")
		settle()
		var healed atomic.Bool
		k.broker.Cluster().ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			k.broker.Cluster().KeepControl()
			if healed.Load() {
				return nil, nil, false
			}
			res := req.ResponseKind().(*kmsg.FetchResponse)
			topic := kmsg.NewFetchResponseTopic()
			topic.Topic = "events"
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.HighWatermark, partition.LastStableOffset = 5, 5
			topic.Partitions = append(topic.Partitions, partition)
			res.Topics = append(res.Topics, topic)
			return res, nil, true
		})
		k.produce(events0, ids("e", 5)...)
		time.Sleep(10 * time.Minute)
		if got := a.log.count("partition stands still"); got != 1 {
			t.Errorf("told %d times, want once", got)
		}
		if got := a.seen(); len(got) > 0 {
			t.Fatalf("read %v from a broker that sends nothing", got)
		}

		if err := k.broker.Cluster().DeleteRecords("events", 0, 3); err != nil {
			t.Fatal(err)
		}
		healed.Store(true)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"e3", "e4"}, a.seen()); diff != "" {
			t.Errorf("read after the standstill (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]consume.Loss{{Partition: events0, Kind: consume.Expired, First: 0, Last: 2, Count: 3}}, a.lost); diff != "" {
			t.Errorf("lost (-want +got):\n%s", diff)
		}
		if got := a.log.count("partition is read on"); got != 1 {
			t.Errorf("told %d times that it is over, want once", got)
		}
		a.leave()
	})
}

// Nobody receives: one batch a partition waits, and no more is fetched.
func TestFetchingPausesWithItsReceiver(t *testing.T) {
	t.Attr("guards", "bounded memory")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		k.produce(events0, "e0")
		resume := make(chan struct{})
		a := k.join("a", func(ctx context.Context, m *member, s *consume.Session) error {
			<-resume
			return receive(ctx, m, s)
		}, "events")
		settle()
		fetches := k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: -1, Observe: true})
		k.produce(events0, ids("f", 20)...)
		time.Sleep(time.Hour)
		if got := fetches.Hits(); got != 0 {
			t.Errorf("%d fetches although nobody receives", got)
		}
		close(resume)
		settle()
		if diff := cmp.Diff(append([]string{"e0"}, ids("f", 20)...), a.seen()); diff != "" {
			t.Errorf("after the pause (-want +got):\n%s", diff)
		}
		a.leave()
	})
}

// Offsets of the group cannot be read for a while: the owner waits, it does not
// start somewhere else.
func TestStartWaitsForCommittedOffsets(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		k.produce(events0, "e0")
		fault := k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Count: -1, Err: kerr.LeaderNotAvailable})
		a := k.join("a", nil, "events")
		settle()
		if a.serving() != nil {
			t.Error("serves without a start")
		}
		fault.Remove()
		settle()
		if diff := cmp.Diff([]string{"e0"}, a.seen()); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
		a.leave()
	})
}

// Connections that break in the middle of a fetch, and a coordinator that goes
// away: reading goes on where it was.
func TestBrokenConnectionsLoseNothing(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	bubble(t, devkafka.Config{Brokers: 3, Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		a := k.join("a", nil, "events")
		settle()
		var want []string
		for i := range 10 {
			k.broker.Cluster().ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
				return nil, errors.New("the connection breaks"), true
			})
			id := fmt.Sprintf("e%d", i)
			k.produce(events0, id)
			want = append(want, id)
			settle()
		}
		before := a.generations()
		gone := k.broker.Cluster().CoordinatorFor("bridge")
		if leader := k.broker.Cluster().LeaderFor("events", 0); leader == gone {
			if err := k.broker.Cluster().MoveTopicPartition("events", 0, (gone+1)%3); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.broker.Cluster().RemoveNode(gone); err != nil {
			t.Fatal(err)
		}
		// The lost member holds the group until its session is over.
		time.Sleep(2 * sessionTimeout)
		k.produce(events0, "last")
		settle()
		if a.generations() == before {
			t.Error("the generation outlived its coordinator")
		}
		got := slices.Compact(a.seen()) // nothing is committed, so a new session begins again
		got = got[len(got)-len(want)-1:]
		if diff := cmp.Diff(append(want, "last"), got); diff != "" {
			t.Errorf("read by the last session (-want +got):\n%s", diff)
		}
		a.leave()
	})
}

// A leader that does not know its log yet is no rewound log: what it says must
// be seen several times before records are read again.
func TestPassingRefusalIsNoLoss(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		k.produce(events0, ids("e", 3)...)
		a := k.join("a", nil, "events")
		settle()
		for name, tt := range map[string]struct{ refusals, empty int }{
			"the log seems empty, twice": {refusals: 2, empty: 2},
			"the log is as it was":       {refusals: 5},
		} {
			for range 2 * tt.empty { // the first offset and the last
				k.broker.Cluster().ControlKey(int16(kmsg.ListOffsets), emptyLog)
			}
			fault := k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: tt.refusals, Err: kerr.OffsetOutOfRange})
			settle()
			if fault.Hits() != tt.refusals {
				t.Errorf("%s: %d fetches were refused, want %d", name, fault.Hits(), tt.refusals)
			}
		}
		k.produce(events0, "e3")
		settle()
		if diff := cmp.Diff(ids("e", 4), a.seen()); diff != "" || len(a.lost) > 0 {
			t.Errorf("read (-want +got):\n%s\nlost %v", diff, a.lost)
		}
		a.leave()
	})
}

// emptyLog answers that a partition's first and last offset are 0.
func emptyLog(request kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the shape that kfake asks for
	req := request.(*kmsg.ListOffsetsRequest)
	res := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, topic := range req.Topics {
		answer := kmsg.NewListOffsetsResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			partition := kmsg.NewListOffsetsResponseTopicPartition()
			partition.Partition, partition.Timestamp, partition.Offset = p.Partition, p.Timestamp, 0
			answer.Partitions = append(answer.Partitions, partition)
		}
		res.Topics = append(res.Topics, answer)
	}
	return res, nil, true
}
