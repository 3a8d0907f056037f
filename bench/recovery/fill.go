//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

const (
	partitions = 6
	app        = 1400000000
	chunk      = 6000 // events handed to the writer at once
)

// world is the topics of one run.
type world struct {
	options

	name      string
	transport *kafka.Transport
	client    *kafka.Client
}

func (w *world) input() string   { return w.name + ".events" }
func (w *world) journal() string { return w.name + ".journal" }

func (w *world) topics() []string {
	return []string{w.input(), w.journal(), w.name + ".results", w.name + ".dlq"}
}

func (w *world) remove(ctx context.Context) error {
	_, err := w.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: w.topics()})
	return err
}

func (w *world) fill(ctx context.Context) error {
	res, err := w.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: w.input(), NumPartitions: partitions, ReplicationFactor: 1},
	}})
	if err == nil {
		err = res.Errors[w.input()]
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", w.input(), err)
	}
	if err := w.fillEvents(ctx); err != nil {
		return err
	}
	return w.fillJournal(ctx)
}

// idOf names the event at an offset of a partition.
func idOf(partition int, offset int64) string { return fmt.Sprintf("e-%d-%09d", partition, offset) }

// fillEvents writes events of some 400 bytes, as many to each partition.
func (w *world) fillEvents(ctx context.Context) error {
	now := time.Now()
	for p := range partitions {
		writer := &kafka.Writer{
			Addr: w.client.Addr, Topic: w.input(), RequiredAcks: kafka.RequireAll, Transport: w.transport, Compression: kafka.Lz4,
			Balancer:  kafka.BalancerFunc(func(kafka.Message, ...int) int { return p }),
			BatchSize: chunk, BatchBytes: 8 << 20, BatchTimeout: 5 * time.Millisecond,
		}
		for at := int64(0); at < w.perPartition(); {
			batch := make([]kafka.Message, 0, chunk)
			for ; at < w.perPartition() && len(batch) < chunk/8; at++ {
				batch = append(batch, kafka.Message{
					Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
					Value: fmt.Appendf(nil, `{"specversion":"1.0","id":"%s","source":"/crm/eu","type":"member.promo","time":"%s","datacontenttype":"application/json",`+
						`"data":{"tiers":["tier-%03d"],"title":"Spring sale %d","summary":"All of the outdoor range, two days only","note":"%0120d"}}`,
						idOf(p, at), now.UTC().Format(time.RFC3339Nano), at%900, at/5000, at),
				})
			}
			if err := writer.WriteMessages(ctx, batch...); err != nil {
				return errors.Join(fmt.Errorf("fill topic %s: %w", w.input(), err), writer.Close())
			}
		}
		if err := writer.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) perPartition() int64 { return int64(w.events / partitions) }

// isOpen says whether the event at an offset has not ended: one in so many, and the
// first, which keeps the commit.
func (w *world) isOpen(at int64) bool { return at%int64(w.events/w.open) == 0 }

func (w *world) stillOpen() int {
	n := 0
	for at := range w.perPartition() {
		if w.isOpen(at) {
			n += partitions
		}
	}
	return n
}

// fillJournal writes what a bridge wrote in a day: for each call what it saw first,
// the attempt, and its outcome with how its events ended.
func (w *world) fillJournal(ctx context.Context) error {
	cfg := journal.Config{Addr: w.client.Addr, Transport: w.transport, Topic: w.journal()}
	if _, err := journal.Ensure(ctx, cfg, true); err != nil {
		return err
	}
	log, err := journal.New(cfg)
	if err != nil {
		return err
	}
	m, err := intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: "Spring sale: all of the outdoor range, two days only"}}})
	if err != nil {
		return err
	}
	day := time.Now().Add(-24 * time.Hour)
	next := make([]int64, partitions)
	for call := range w.calls {
		p := call % partitions
		share := w.perPartition() * partitions / int64(w.calls)
		until := next[p] + share
		if call >= w.calls-partitions {
			until = w.perPartition()
		}
		partition := offset.Partition{Topic: w.input(), ID: int32(p)}
		at := day.Add(24 * time.Hour * time.Duration(call) / time.Duration(w.calls)).Add(time.Second)
		if err := w.journalCall(ctx, log, called{number: call, at: at, message: m, partition: partition, from: next[p], until: min(until, w.perPartition())}); err != nil {
			return err
		}
		next[p] = min(until, w.perPartition())
	}
	return nil
}

// called is one call of the day.
type called struct {
	number      int
	at          time.Time
	message     intent.Message
	partition   offset.Partition
	from, until int64
}

func (w *world) journalCall(ctx context.Context, log *journal.Log, c called) error {
	tag, err := audience.OfAnyTag(fmt.Sprintf("tier-%03d", c.number%900))
	if err != nil {
		return err
	}
	notes := journal.Notes{Newest: map[offset.Partition]time.Time{c.partition: time.Now()}, Told: log.Written()}
	a := journal.Attempt{
		ID: fmt.Sprintf("%016x", c.number), Number: 1, App: app, At: c.at, Deadline: c.at.Add(30 * time.Second), Random: uint32(c.number),
		Condition: tag, Messages: []intent.Message{c.message}, RulesVersion: "3f9c", OnDoubt: intent.Drop, Why: "deadline",
		Covers: []journal.Cover{{Rule: "member-promo", Partition: c.partition, Offsets: new(offset.Set)}},
	}
	var ended []journal.Disposition
	for at := c.from; at < c.until; at++ {
		position := offset.Position{Partition: c.partition, Offset: at}
		notes.Seen = append(notes.Seen, journal.Sighting{Position: position, Print: journal.PrintOf(intent.EventKey{Source: "/crm/eu", ID: idOf(int(c.partition.ID), at)})})
		if w.isOpen(at) {
			continue
		}
		a.Covers[0].Offsets.Add(at)
		ended = append(ended, journal.Disposition{
			Origin: intent.Origin{Position: position}, Rule: "member-promo", App: app, Kind: journal.Pushed, At: c.at.Add(time.Second), PushID: a.ID, TaskID: "task-" + a.ID, Why: a.Why,
		})
	}
	o := journal.Outcome{
		ID: a.ID, Number: 1, App: app, Class: journal.ClassOK, TaskID: "task-" + a.ID, Started: c.at, Ended: c.at.Add(300 * time.Millisecond), Counted: true,
	}
	return errors.Join(log.Note(ctx, notes), log.Begin(ctx, a), log.End(ctx, o, ended))
}
