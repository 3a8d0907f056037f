package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/journal"
	"pushbridge/internal/pushapi/pushsim"
)

// happening is a CloudEvent to be emitted. Empty fields are filled in.
type happening struct {
	Type, Source, ID string
	Time             time.Time
	Data             any
	Partition        int
}

// emit writes events to the input topic and returns their ids.
func (w *world) emit(hs ...happening) []string {
	w.t.Helper()
	ids := make([]string, len(hs))
	for n, h := range hs {
		w.events++
		if h.ID == "" {
			h.ID = fmt.Sprintf("e%d", w.events)
		}
		w.produce(h.Partition, w.encode(h))
		ids[n] = h.ID
	}
	return ids
}

// encode returns the event as a structured one.
func (w *world) encode(h happening) []byte {
	w.t.Helper()
	if h.Source == "" {
		h.Source = "/test"
	}
	if h.Time.IsZero() {
		h.Time = time.Now()
	}
	value, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": h.ID, "source": h.Source, "type": h.Type,
		"time": h.Time.UTC().Format(time.RFC3339Nano), "datacontenttype": "application/json", "data": h.Data,
	})
	w.must(err)
	return value
}

// produce writes one record with the content type of a structured event.
func (w *world) produce(partition int, value []byte) {
	w.t.Helper()
	_, err := w.tryProduce(partition, value)
	w.must(err)
}

// tryProduce writes it where the partition's leader takes it, and returns its
// offset.
func (w *world) tryProduce(partition int, value []byte) (int64, error) {
	return w.tryProduceTo(inTopic, partition, value)
}

func (w *world) tryProduceTo(topic string, partition int, value []byte) (int64, error) {
	res, err := w.client.Produce(context.Background(), &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{
			Time: time.Now(), Value: kafka.NewBytes(value),
			Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
		}),
	})
	if err != nil {
		return 0, err
	}
	return res.BaseOffset, res.Error
}

// record is one record of an output topic.
type record struct {
	Value   []byte
	Headers map[string]string
	Time    time.Time
}

// read returns all records of a topic's only partition.
func (w *world) read(topic string) []record {
	w.t.Helper()
	var records []record
	for end, next := w.end(topic, 0), int64(0); next < end; {
		res, err := w.client.Fetch(context.Background(), &kafka.FetchRequest{
			Topic: topic, Offset: next, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 300 * time.Millisecond,
		})
		w.must(err)
		w.must(res.Error)
		for {
			r, err := res.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			w.must(err)
			value, err := kafka.ReadAll(r.Value)
			w.must(err)
			next = r.Offset + 1
			got := record{Value: value, Headers: map[string]string{}, Time: r.Time}
			for _, h := range r.Headers {
				got.Headers[h.Key] = string(h.Value)
			}
			records = append(records, got)
		}
	}
	return records
}

// end returns the offset after a partition's last record.
func (w *world) end(topic string, partition int) int64 {
	w.t.Helper()
	end, err := w.tryEnd(topic, partition)
	w.must(err)
	return end
}

// tryEnd is end where the partition's leader answers.
func (w *world) tryEnd(topic string, partition int) (int64, error) {
	res, err := w.client.ListOffsets(context.Background(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		return 0, err
	}
	if len(res.Topics[topic]) == 0 {
		return 0, kafka.UnknownTopicOrPartition
	}
	return res.Topics[topic][0].LastOffset, res.Topics[topic][0].Error
}

// committed returns the group's offset in a partition, -1 where there is none,
// and what was committed beside it.
func (w *world) committed(partition int) (int64, string) {
	w.t.Helper()
	got, err := w.tryCommitted(partition)
	w.must(err)
	return got.CommittedOffset, got.Metadata
}

// tryCommitted is committed where the group's coordinator answers.
func (w *world) tryCommitted(partition int) (kafka.OffsetFetchPartition, error) {
	res, err := w.client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{
		GroupID: testGroup, Topics: map[string][]int{inTopic: {partition}},
	})
	if err != nil {
		return kafka.OffsetFetchPartition{}, err
	}
	if err := res.Error; err != nil {
		return kafka.OffsetFetchPartition{}, err
	}
	if len(res.Topics[inTopic]) == 0 {
		return kafka.OffsetFetchPartition{}, kafka.UnknownTopicOrPartition
	}
	return res.Topics[inTopic][0], res.Topics[inTopic][0].Error
}

// told is one result event, of either type.
type told struct {
	ID     string
	Type   string
	Source string

	ReplayID string `json:"replayid"`
	ReplayOf string `json:"replayof"`
	Data     struct {
		Topic       string
		Partition   int
		Offset      int64
		EventID     string `json:"event_id"`
		Rule        string
		Version     string `json:"rules_version"`
		Lane        string
		Why         string
		Disposition string
		More        bool
		PushID      string   `json:"push_id"`
		TaskID      string   `json:"task_id"`
		ApprovedBy  []string `json:"approved_by"`
		Parts       int
		Code        int `json:"error_code"`
		Doubt       bool
		By          string
		Reason      string
		Decided     time.Time

		Attempt int
		Class   string
		Counted bool
		OnDoubt string `json:"on_doubt"`
		Random  uint32
		Events  int
		Rules   []string
		// of a digest
		Messages int

		Previous string `json:"previous_version"`
		Pending  int
		Remapped bool
	}
}

// results returns what was told, without the repeats that readers drop by id.
func (w *world) results() (events, pushes []told) {
	w.t.Helper()
	seen := map[string]bool{}
	for _, r := range w.read(resultsTopic) {
		var x told
		w.must(json.Unmarshal(r.Value, &x))
		if seen[x.ID] {
			continue
		}
		seen[x.ID] = true
		switch x.Type {
		case "bridge.event.disposed.v1":
			events = append(events, x)
		case "bridge.push.completed.v1":
			pushes = append(pushes, x)
		case "bridge.rules.reloaded.v1":
		default:
			w.t.Errorf("result of type %q", x.Type)
		}
	}
	return events, pushes
}

// reloads returns what was told of rules that took over.
func (w *world) reloads() (all []told) {
	w.t.Helper()
	for _, r := range w.read(resultsTopic) {
		var x told
		w.must(json.Unmarshal(r.Value, &x))
		if x.Type == "bridge.rules.reloaded.v1" && !slices.ContainsFunc(all, func(y told) bool { return y.ID == x.ID }) {
			all = append(all, x)
		}
	}
	return all
}

// wantDispositions checks how every event ended so far: id of the event, with
// /rule where it is under several, to disposition. It finds events that ended
// twice, even alike.
func (w *world) wantDispositions(want map[string]string) {
	w.t.Helper()
	events, _ := w.results()
	got := map[string]string{}
	times := map[string]int{}
	for _, e := range events {
		key := e.Data.EventID
		if key == "" {
			key = fmt.Sprintf("@%d", e.Data.Offset)
		}
		if _, ok := want[key+"/"+e.Data.Rule]; ok {
			key += "/" + e.Data.Rule
		}
		got[key] = e.Data.Disposition
		times[fmt.Sprintf("%s %d@%d %s", key, e.Data.Partition, e.Data.Offset, e.Data.Rule)]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("dispositions (-want +got):\n%s", diff)
	}
	for key, n := range times {
		if n > 1 {
			w.t.Errorf("%s has %d dispositions", key, n)
		}
	}
}

// wantClasses checks how the calls ended, in order.
func (w *world) wantClasses(want ...string) []told {
	w.t.Helper()
	_, pushes := w.results()
	got := make([]string, len(pushes))
	for n, p := range pushes {
		got[n] = p.Data.Class
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("classes of the calls (-want +got):\n%s", diff)
	}
	return pushes
}

// wantCommitted checks that every record of the input has been let go.
func (w *world) wantCommitted() {
	w.t.Helper()
	for p := range w.partitions {
		end := w.end(inTopic, p)
		if got, _ := w.committed(p); got != end && end != 0 {
			w.t.Errorf("partition %d is committed up to %d of %d", p, got, end)
		}
	}
}

// wantReceived checks how often each user received something; users that are
// not named received nothing.
func (w *world) wantReceived(want map[string]int) {
	w.t.Helper()
	got := map[string]int{}
	for d := range w.sim.Deliveries() {
		got[d.User]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

// wantBudget checks, from the API's own log, that more than the second lay
// between every two calls and that no day held more than quota of them.
func (w *world) wantBudget(quota int) {
	w.t.Helper()
	last := map[uint32]pushsim.Call{} // of each app
	for _, c := range w.sim.Calls() {
		if before := last[c.App]; !before.Answered.IsZero() && c.Received.Sub(before.Answered) <= time.Second {
			w.t.Errorf("call %d came %v after the answer to its app's call before", c.Number, c.Received.Sub(before.Answered))
		}
		last[c.App] = c
	}
	if s := w.sim.Summary(); s.MaxCallsInDay > quota {
		w.t.Errorf("%d calls in 24 hours, quota %d", s.MaxCallsInDay, quota)
	}
}

// recall reads the journal as an instance does that starts now.
func (w *world) recall() *journal.State {
	w.t.Helper()
	state, err := journal.Read(context.Background(), journal.Config{Addr: w.client.Addr, Transport: w.client.Transport, Topic: journalTopic}, journal.ReadFrom{Clocks: journal.Clocks{Now: time.Now()}})
	w.must(err)
	return state
}

// gaps returns the times between the calls' arrivals.
func (w *world) gaps() []time.Duration {
	var gaps []time.Duration
	calls := w.sim.Calls()
	for n := 1; n < len(calls); n++ {
		gaps = append(gaps, calls[n].Received.Sub(calls[n-1].Received))
	}
	return gaps
}
