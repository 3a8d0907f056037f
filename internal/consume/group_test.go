package consume_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/offset"
)

var events0 = offset.Partition{Topic: "events", ID: 0}

func TestOldestOwnsAll(t *testing.T) {
	t.Attr("promise", "one-writer")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 3, "alerts": 2}}, func(t *testing.T, k *kit) {
		var all []*member
		for _, name := range []string{"a", "b", "c"} {
			all = append(all, k.join(name, nil, "events", "alerts"))
			settle()
			if got := owner(t, all...); got.name != "a" {
				t.Errorf("after %s joined: %s owns, want a", name, got.name)
			}
			if got := len(all[0].serving().Partitions()); got != 5 {
				t.Errorf("after %s joined: a owns %d partitions, want 5", name, got)
			}
		}
		if got := all[2].group.State(); got != consume.Standby {
			t.Errorf("c is %s, want standby", got)
		}
		k.produce(events0, "e1")
		settle()

		all[0].leave()
		settle()
		if got := owner(t, all[1:]...); got.name != "b" || len(got.serving().Partitions()) != 5 {
			t.Errorf("after a left: %s owns %d partitions, want b, 5", got.name, len(got.serving().Partitions()))
		}
		all[1].leave()
		settle()
		if got := owner(t, all[2]); got.name != "c" {
			t.Errorf("after b left: %s owns, want c", got.name)
		}
		all[2].leave()
		if diff := cmp.Diff([]string{"e1"}, all[2].seen()); diff != "" {
			t.Errorf("c, nothing being committed (-want +got):\n%s", diff)
		}
	})
}

// A newcomer makes the group rebalance, and the owner's next session follows
// the last one directly: how a caller knows that nobody was between.
func TestOwnerKeepsOwningAcrossARebalance(t *testing.T) {
	t.Attr("promise", "one-writer")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		a := k.join("a", nil, "events")
		settle()
		b := k.join("b", nil, "events")
		settle()
		if got := a.sessions; len(got) != 2 || got[1] != got[0]+1 {
			t.Errorf("a served generations %v, want two that follow each other", got)
		}
		b.leave()
		settle()
		a.leave()
		want := []consume.State{consume.Owner, consume.Joining, consume.Owner, consume.Joining, consume.Owner, consume.Joining}
		if diff := cmp.Diff(want, a.states); diff != "" {
			t.Errorf("states of a (-want +got):\n%s", diff)
		}
	})
}

// The owner's call in flight is held through a rebalance: no other member may
// own before serve has returned, and what it commits meanwhile counts.
func TestRebalanceWaitsForServe(t *testing.T) {
	t.Attr("promise", "one-writer")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		k.produce(events0, ids("e", 3)...)
		var cause, commit error
		var returned atomic.Bool
		a := k.join("a", func(ctx context.Context, m *member, s *consume.Session) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			time.Sleep(8 * time.Second) // the call in flight
			commit = s.Commit(context.Background(), map[offset.Partition]int64{events0: 2}, "attempt 7")
			returned.Store(true)
			m.stop() // so that b takes over
			return nil
		}, "events")
		settle()
		b := k.join("b", func(ctx context.Context, m *member, s *consume.Session) error {
			if !returned.Load() {
				t.Error("b owns while a serves")
			}
			return receive(ctx, m, s)
		}, "events")
		<-a.ended
		settle()
		if !errors.Is(cause, consume.ErrNotOwner) {
			t.Errorf("cause of the end: %v, want ErrNotOwner", cause)
		}
		if commit != nil {
			t.Errorf("commit by the owner during the rebalance: %v", commit)
		}
		s := owner(t, b).serving()
		want := []consume.Assignment{{Partition: events0, Start: 2, Committed: true, Metadata: "attempt 7"}}
		if diff := cmp.Diff(want, s.Partitions()); diff != "" {
			t.Errorf("b starts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"e2"}, b.seen()); diff != "" {
			t.Errorf("b reads (-want +got):\n%s", diff)
		}
		b.leave()
	})
}

// A member that hangs longer than the group waits has lost its partitions, and
// what it commits then is refused and changes nothing.
func TestStaleCommitIsRefused(t *testing.T) {
	t.Attr("promise", "one-writer")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		k.produce(events0, ids("e", 100)...)
		var stale error
		a := k.join("a", func(ctx context.Context, m *member, s *consume.Session) error {
			<-ctx.Done()
			time.Sleep(3 * rebalanceTimeout)
			stale = s.Commit(context.Background(), map[offset.Partition]int64{events0: 1}, "stale")
			m.stop()
			return nil
		}, "events")
		settle()
		b := k.join("b", func(ctx context.Context, m *member, s *consume.Session) error {
			if err := s.Commit(ctx, map[offset.Partition]int64{events0: 50}, "fresh"); err != nil {
				t.Errorf("commit by the new owner: %v", err)
			}
			return receive(ctx, m, s)
		}, "events")
		time.Sleep(2 * rebalanceTimeout)
		if b.serving() == nil {
			t.Error("b does not own although a hangs")
		}
		<-a.ended
		if !errors.Is(stale, consume.ErrNotOwner) {
			t.Errorf("stale commit: %v, want ErrNotOwner", stale)
		}
		if at, note := k.committed(events0); at != 50 || note != "fresh" {
			t.Errorf("committed %d %q, want 50 fresh", at, note)
		}
		b.leave()
	})
}

// A member that was thrown out while it hung comes back as a newcomer: the one
// that took over keeps the partitions.
func TestWhoWasThrownOutComesBackAsANewcomer(t *testing.T) {
	t.Attr("promise", "one-writer")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		hangs := true
		a := k.join("a", func(ctx context.Context, m *member, s *consume.Session) error {
			if !hangs {
				return receive(ctx, m, s)
			}
			hangs = false
			<-ctx.Done()
			time.Sleep(3 * rebalanceTimeout)
			return nil
		}, "events")
		settle()
		b := k.join("b", nil, "events") // whose coming ends the first session of a
		time.Sleep(2 * rebalanceTimeout)
		if b.serving() == nil {
			t.Fatal("b does not own although a hangs")
		}
		time.Sleep(2 * rebalanceTimeout)
		settle()
		if got := owner(t, a, b); got != b {
			t.Errorf("%s owns, want b, which did not fail", got.name)
		}
		if got := a.group.State(); got != consume.Standby {
			t.Errorf("a is %s, want standby", got)
		}
		b.leave()
		settle()
		if got := owner(t, a); got != a {
			t.Errorf("%s owns after b left, want a", got.name)
		}
		a.leave()
	})
}

// Stopping ends serve's context first and leaves the group last: the call in
// flight keeps its lease although it takes longer than a session.
func TestStopKeepsTheLeaseUntilServeReturns(t *testing.T) {
	t.Attr("promise", "one-writer")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		k.produce(events0, "e1")
		var commit, after error
		var session *consume.Session
		a := k.join("a", func(ctx context.Context, _ *member, s *consume.Session) error {
			session = s
			<-ctx.Done()
			if errors.Is(context.Cause(ctx), consume.ErrNotOwner) {
				return nil // b has come, and a owns again
			}
			time.Sleep(3 * sessionTimeout)
			commit = s.Commit(context.Background(), map[offset.Partition]int64{events0: 1}, "")
			return nil
		}, "events")
		settle()
		b := k.join("b", nil, "events")
		settle()
		a.leave()
		settle()
		if commit != nil {
			t.Errorf("commit while stopping: %v", commit)
		}
		after = session.Commit(context.Background(), map[offset.Partition]int64{events0: 1}, "")
		if !errors.Is(after, consume.ErrNotOwner) {
			t.Errorf("commit after serve: %v, want ErrNotOwner", after)
		}
		if got := owner(t, b).serving().Partitions()[0].Start; got != 1 {
			t.Errorf("b starts at %d, want 1", got)
		}
		b.leave()
	})
}

func TestErrorOfServeEndsRun(t *testing.T) {
	t.Attr("guards", "a broken pipeline ends the process instead of spinning")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		broken := errors.New("broken")
		a := k.join("a", func(context.Context, *member, *consume.Session) error { return broken }, "events")
		<-a.ended
		if !errors.Is(a.err, broken) {
			t.Errorf("Run: %v, want %v", a.err, broken)
		}
		b := k.join("b", nil, "events")
		settle()
		owner(t, b) // a has left: b need not wait for a session to time out
		b.leave()
	})
}

func TestCommitCodes(t *testing.T) {
	t.Attr("promise", "one-writer")
	for name, tt := range map[string]struct {
		code     *kerr.Error
		notOwner bool
	}{
		"illegal generation":        {kerr.IllegalGeneration, true},
		"unknown member":            {kerr.UnknownMemberID, true},
		"rebalance in progress":     {kerr.RebalanceInProgress, true},
		"coordinator not available": {kerr.CoordinatorNotAvailable, true},
		"not coordinator":           {kerr.NotCoordinator, true},
		"timed out":                 {kerr.RequestTimedOut, false},
		"metadata too large":        {kerr.OffsetMetadataTooLarge, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, devkafka.Config{Topics: map[string]int32{"events": 2}}, func(t *testing.T, k *kit) {
				a := k.join("a", nil, "events")
				settle()
				s := a.serving()
				// Only the second partition is refused, so that an error of the whole
				// request or of the first entry cannot hide what is tested.
				k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: "events", Partitions: []int32{1}, Err: tt.code})
				events1 := offset.Partition{Topic: "events", ID: 1}
				err := s.Commit(t.Context(), map[offset.Partition]int64{events0: 0, events1: 0}, "x")
				if err == nil || errors.Is(err, consume.ErrNotOwner) != tt.notOwner || !strings.Contains(err.Error(), "events/1") {
					t.Errorf("Commit: %v; want ErrNotOwner %t and the partition named", err, tt.notOwner)
				}
				if err := s.Commit(t.Context(), map[offset.Partition]int64{events0: 0, events1: 0}, "x"); err != nil {
					t.Errorf("Commit without a fault: %v", err)
				}
				a.leave()
			})
		})
	}
}

// A commit of nothing must not look like a fence that held.
func TestCommitRefusesWithoutAsking(t *testing.T) {
	t.Attr("promise", "one-writer")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		a := k.join("a", nil, "events")
		settle()
		asked := k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Count: -1, Observe: true})
		s := a.serving()
		if err := s.Commit(t.Context(), nil, "x"); err == nil || !strings.Contains(err.Error(), "no partitions") {
			t.Errorf("Commit of nothing: %v", err)
		}
		if err := s.Commit(t.Context(), map[offset.Partition]int64{events0: 0}, strings.Repeat("x", 4097)); err == nil || !strings.Contains(err.Error(), "4097 bytes") {
			t.Errorf("Commit with too much metadata: %v", err)
		}
		if got := asked.Hits(); got != 0 {
			t.Errorf("the broker was asked %d times", got)
		}
		if err := s.Commit(t.Context(), map[offset.Partition]int64{events0: 0}, strings.Repeat("x", 4096)); err != nil {
			t.Errorf("Commit: %v", err)
		}
		if got := asked.Hits(); got != 1 {
			t.Errorf("the broker was asked %d times, want 1", got)
		}
		a.leave()
	})
}

// kafka-go joins again at once when a topic is missing; and it must come in
// when it is there at last.
func TestMissingTopicIsWaitedForCalmly(t *testing.T) {
	t.Attr("guards", "no storm of joins while a topic is missing")
	bubble(t, devkafka.Config{}, func(t *testing.T, k *kit) {
		joins := k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Count: -1, Observe: true})
		a := k.join("a", nil, "events")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := joins.Hits(); got > 300 {
			t.Errorf("%d joins in a minute", got)
		}
		if err := k.broker.CreateTopic("events", 1, nil); err != nil {
			t.Fatal(err)
		}
		k.produce(events0, "e1")
		settle()
		if diff := cmp.Diff([]string{"e1"}, a.seen()); diff != "" {
			t.Errorf("once the topic is there (-want +got):\n%s", diff)
		}
		a.leave()
	})
}

// A whole outage is told twice: when it begins and when it is over.
func TestOutageIsLoggedOnce(t *testing.T) {
	t.Attr("guards", "logs stay readable in an outage")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		a := k.join("a", nil, "events")
		settle()
		fault := k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: -1, Err: kerr.NotLeaderForPartition})
		time.Sleep(time.Minute)
		fault.Remove()
		k.produce(events0, "e1")
		settle()
		if diff := cmp.Diff([]string{"e1"}, a.seen()); diff != "" {
			t.Errorf("after the outage (-want +got):\n%s", diff)
		}
		if fails, works := a.log.count(`kafka fails, trying on" topic=events partition=0 doing=fetch`), a.log.count(`kafka works again" topic=events partition=0 doing=fetch`); fails != 1 || works != 1 {
			t.Errorf("told %d times that it fails, %d times that it works; want once each", fails, works)
		}
		if hits := fault.Hits(); hits < 20 || hits > 60 {
			t.Errorf("%d fetches in a minute of failures, want about one every two seconds", hits)
		}
		a.leave()
	})
}

func TestNewRefusesAnIncompleteConfig(t *testing.T) {
	t.Attr("guards", "all problems of a configuration come back at once")
	t.Parallel()
	_, err := consume.New(consume.Config{Group: "bridge"})
	for _, missing := range []string{"Brokers", "Topics", "Transport", "Dialer", "Logger", "Registry"} {
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("New: %v; want %s named", err, missing)
		}
	}
	if slices.Contains(strings.Fields(err.Error()), "Group") {
		t.Errorf("New: %v; Group is there", err)
	}
}
