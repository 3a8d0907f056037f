package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/journal"
)

// ending is how one event ended, by the results topic.
type ending struct {
	disposition string
	doubt       bool
	push        string
}

// results returns how each event ended, without the repeats that readers drop
// by id, and the calls that were told. It fails where one event ended twice.
func (s *site) results() (endings map[string]ending, calls int) {
	s.t.Helper()
	endings = map[string]ending{}
	seen := map[string]bool{}
	for _, value := range s.read(s.topic("results")) {
		var r struct {
			ID, Type string
			Data     struct {
				EventID     string `json:"event_id"`
				Disposition string
				Doubt       bool
				PushID      string `json:"push_id"`
			}
		}
		if err := json.Unmarshal(value, &r); err != nil {
			s.t.Fatalf("result %s: %v", value, err)
		}
		if seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		if r.Type == "bridge.push.completed.v1" {
			calls++
			continue
		}
		if r.Type != "bridge.event.disposed.v1" {
			continue
		}
		if before, ok := endings[r.Data.EventID]; ok {
			s.t.Errorf("event %s ended twice: %v, then %s", r.Data.EventID, before, value)
		}
		endings[r.Data.EventID] = ending{r.Data.Disposition, r.Data.Doubt, r.Data.PushID}
	}
	return endings, calls
}

// ended waits until the events have ended, and no others.
func (s *site) ended(ids ...string) map[string]ending {
	s.t.Helper()
	var endings map[string]ending
	eventually(s.t, fmt.Sprintf("events %v ended", ids), func() bool {
		endings, _ = s.results()
		return !slices.ContainsFunc(ids, func(id string) bool { return endings[id].disposition == "" })
	})
	if len(endings) != len(ids) {
		s.t.Errorf("%d events ended, want %v: %v", len(endings), ids, endings)
	}
	return endings
}

// read returns the values of all records of a topic.
func (s *site) read(topic string) [][]byte {
	s.t.Helper()
	var partitions []kafka.Partition
	eventually(s.t, "the client knows "+topic, func() bool {
		meta, err := s.client.Metadata(s.t.Context(), &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			s.t.Fatalf("metadata of %s: %v", topic, err)
		}
		partitions = meta.Topics[0].Partitions
		return meta.Topics[0].Error == nil
	})
	var values [][]byte
	for _, p := range partitions {
		reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.addr}, Topic: topic, Partition: p.ID, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 500 * time.Millisecond})
		for next, end := int64(0), s.end(topic, p.ID); next < end; {
			m, err := reader.ReadMessage(s.t.Context())
			if err != nil {
				s.t.Fatalf("read %s/%d@%d: %v", topic, p.ID, next, err)
			}
			next = m.Offset + 1
			values = append(values, m.Value)
		}
		if err := reader.Close(); err != nil {
			s.t.Errorf("close the reader of %s/%d: %v", topic, p.ID, err)
		}
	}
	return values
}

// end returns the offset after a partition's last record.
func (s *site) end(topic string, partition int) int64 {
	s.t.Helper()
	res, err := s.client.ListOffsets(s.t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}}})
	if err != nil || res.Topics[topic][0].Error != nil {
		s.t.Fatalf("end of %s/%d: %v, %+v", topic, partition, err, res)
	}
	return res.Topics[topic][0].LastOffset
}

// wantCommitted checks that every event was let go.
func (s *site) wantCommitted() {
	s.t.Helper()
	for p := range sitePartitions {
		res, err := s.client.OffsetFetch(s.t.Context(), &kafka.OffsetFetchRequest{GroupID: s.topic("group"), Topics: map[string][]int{s.topic("events"): {p}}})
		if err != nil || res.Error != nil {
			s.t.Fatalf("committed offsets: %v, %+v", err, res)
		}
		if got, end := res.Topics[s.topic("events")][0].CommittedOffset, s.end(s.topic("events"), p); got != end && end != 0 {
			s.t.Errorf("partition %d is committed up to %d of %d", p, got, end)
		}
	}
}

// recall reads the journal as an instance does that starts now.
func (s *site) recall() *journal.State {
	s.t.Helper()
	state, err := journal.Read(s.t.Context(), journal.Config{Addr: s.client.Addr, Transport: s.client.Transport, Topic: s.topic("journal")}, journal.ReadFrom{Clocks: journal.Clocks{Now: time.Now()}})
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// received counts what each user has read, by text.
func (s *site) received() map[string]int {
	texts := map[int]string{}
	for _, c := range s.sim.Calls() {
		var body []struct {
			MsgContent struct{ Text string }
		}
		if err := json.Unmarshal(c.Messages, &body); err == nil && len(body) == 1 {
			texts[c.Number] = body[0].MsgContent.Text
		}
	}
	got := map[string]int{}
	for d := range s.sim.Deliveries() {
		got[d.User+": "+texts[d.Call]]++
	}
	return got
}

// wantBudget checks the interval and the number of calls by the API's own log.
func (s *site) wantBudget(calls int) {
	s.t.Helper()
	summary := s.sim.Summary()
	if summary.Tasks > 1 && summary.MinInterval <= time.Second {
		s.t.Errorf("%v between two calls", summary.MinInterval)
	}
	if summary.Calls != calls {
		s.t.Errorf("%d calls, want %d", summary.Calls, calls)
	}
}
