package consume_test

import (
	"context"
	"testing"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/offset"
)

// What follows lost records may have ended long ago, so the oldest is the first
// that is still there, and not nothing.
func TestOldest(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 2}}, func(t *testing.T, k *kit) {
		asked := make(chan time.Time, 1)
		ask := func(ctx context.Context, _ *member, s *consume.Session) error {
			at, err := s.Oldest(ctx)
			if err != nil {
				t.Error(err)
			}
			asked <- at
			<-ctx.Done()
			return nil
		}
		want := func(name string, want time.Time) {
			t.Helper()
			m := k.join(name, ask, "events")
			if got := <-asked; !got.Equal(want) {
				t.Errorf("%s: the oldest is of %v, want %v", name, got, want)
			}
			m.leave()
		}
		want("no records", time.Time{})

		var at []time.Time // of the records
		for _, id := range ids("e", 4) {
			at = append(at, time.Now())
			k.produce(events0, id)
			time.Sleep(time.Hour)
		}
		k.produce(events1, "later")
		want("nothing is committed", at[0])

		first := k.join("first", func(ctx context.Context, _ *member, s *consume.Session) error {
			if err := s.Commit(ctx, map[offset.Partition]int64{events0: 1}, ""); err != nil {
				t.Error(err)
			}
			asked <- time.Time{}
			<-ctx.Done()
			return nil
		}, "events")
		<-asked
		first.leave()
		want("one is committed", at[1])

		if err := k.broker.Cluster().DeleteRecords("events", 0, 3); err != nil {
			t.Fatal(err)
		}
		want("two are lost", at[3])
	})
}
