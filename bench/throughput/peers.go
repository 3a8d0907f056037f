//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
)

// said is what a peer reports when it has read everything.
type said struct {
	Events int64     `json:"events"`
	Bytes  int64     `json:"bytes"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// fetchBytes is what one fetch brings at most, the same as in consume.
const fetchBytes = 1 << 20

// client returns a Kafka client. What reads metadata every second sees new
// topics soon.
func client(brokers string) *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(strings.Split(brokers, ",")...), Transport: &kafka.Transport{MetadataTTL: time.Second}, Timeout: 10 * time.Second}
}

// bounds returns the first offset and the one after the last of each partition.
func bounds(ctx context.Context, c *kafka.Client, topic string) (map[int]kafka.PartitionOffsets, error) {
	meta, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, fmt.Errorf("read partitions of %s: %w", topic, err)
	}
	var asked []kafka.OffsetRequest
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			asked = append(asked, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
		}
	}
	if len(asked) == 0 {
		return nil, fmt.Errorf("read partitions of %s: there are none", topic)
	}
	res, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: asked}})
	if err != nil {
		return nil, fmt.Errorf("read bounds of %s: %w", topic, err)
	}
	found := make(map[int]kafka.PartitionOffsets)
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("read bounds of %s/%d: %w", topic, p.Partition, p.Error)
		}
		found[p.Partition] = p
	}
	return found, nil
}

// source is a topic to be read whole.
type source struct {
	client *kafka.Client
	topic  string
}

// each hands every record to one function a partition, all partitions at once.
func (s source) each(ctx context.Context, do func() func(*kafka.Record) error) error {
	parts, err := bounds(ctx, s.client, s.topic)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	problems := make([]error, partitions)
	for id, p := range parts {
		all.Go(func() { problems[id] = s.read(ctx, p, do()) })
	}
	all.Wait()
	return errors.Join(problems...)
}

func (s source) read(ctx context.Context, p kafka.PartitionOffsets, do func(*kafka.Record) error) error {
	for next := p.FirstOffset; next < p.LastOffset; {
		res, err := s.client.Fetch(ctx, &kafka.FetchRequest{
			Topic: s.topic, Partition: p.Partition, Offset: next, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: 500 * time.Millisecond,
		})
		if err == nil {
			err = res.Error
		}
		for err == nil {
			var r *kafka.Record
			if r, err = res.Records.ReadRecord(); err == nil {
				if r.Offset >= next {
					next = r.Offset + 1
					err = do(r)
				}
				closeAll(r)
			}
		}
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s/%d@%d: %w", s.topic, p.Partition, next, err)
		}
	}
	return nil
}

// closeAll gives memory back, without which kafka-go takes new memory for every
// fetch.
func closeAll(r *kafka.Record) {
	for _, b := range []protocol.Bytes{r.Key, r.Value} {
		if b != nil {
			b.Close()
		}
	}
}

// fetchAll is the floor: every value is read into a buffer that is used again,
// and thrown away.
func fetchAll(ctx context.Context, o options, stdout io.Writer) error {
	var events, size atomic.Int64
	s := said{First: time.Now()}
	err := source{client(o.brokers), o.topic}.each(ctx, func() func(*kafka.Record) error {
		var buf []byte
		return func(r *kafka.Record) error {
			n := r.Value.Len()
			if n > cap(buf) {
				buf = make([]byte, n)
			}
			if _, err := io.ReadFull(r.Value, buf[:n]); err != nil {
				return err
			}
			events.Add(1)
			size.Add(int64(n))
			return nil
		}
	})
	if err != nil {
		return err
	}
	s.Last, s.Events, s.Bytes = time.Now(), events.Load(), size.Load()
	return json.NewEncoder(stdout).Encode(s)
}

var errRead = errors.New("everything is read")

// decodeAll reads the topic as the bridge does, by the bridge's own code, and
// throws the events away.
func decodeAll(ctx context.Context, o options, stdout io.Writer) error {
	c := client(o.brokers)
	input, err := bounds(ctx, c, o.topic)
	if err != nil {
		return err
	}
	transport, ok := c.Transport.(*kafka.Transport)
	if !ok {
		return fmt.Errorf("a transport of type %T", c.Transport)
	}
	group, err := consume.New(consume.Config{
		Brokers: strings.Split(o.brokers, ","), Group: "throughput-decode-" + time.Now().Format("150405.000000"), Topics: []string{o.topic},
		Transport: transport, Dialer: &kafka.Dialer{Timeout: 5 * time.Second},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	var s said
	left := make(map[offset.Partition]int64)
	for id, p := range input {
		if p.LastOffset > p.FirstOffset {
			left[offset.Partition{Topic: o.topic, ID: int32(id)}] = p.LastOffset
		}
	}
	err = group.Run(ctx, func(ctx context.Context, session *consume.Session) error {
		s.First = time.Now()
		for len(left) > 0 {
			select {
			case batch := <-session.Records():
				for i := range batch.Records {
					r := &batch.Records[i]
					if r.Err != nil {
						return r.Err
					}
					s.Events++
					s.Bytes += int64(len(r.Value))
				}
				if batch.Next >= left[batch.Partition] {
					delete(left, batch.Partition)
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		s.Last = time.Now()
		return errRead
	})
	if !errors.Is(err, errRead) {
		return fmt.Errorf("read %s by consume: %w", o.topic, err)
	}
	return json.NewEncoder(stdout).Encode(s)
}

// ends is how the events of a results topic ended, each counted once.
type ends struct {
	Dispositions map[string]int `json:"dispositions"`
	Events       int            `json:"events"`
	Calls        int            `json:"calls"`
}

// countEnds reads a results topic. It is a process of its own because the set of
// all ids would count as memory of whatever this process starts.
func countEnds(ctx context.Context, o options, stdout io.Writer) error {
	count := ends{Dispositions: make(map[string]int)}
	seen := make(map[string]bool)
	var lock sync.Mutex
	err := source{client(o.brokers), o.topic}.each(ctx, func() func(*kafka.Record) error {
		return func(r *kafka.Record) error {
			value, err := kafka.ReadAll(r.Value)
			if err != nil {
				return err
			}
			var told struct {
				ID   string `json:"id"`
				Data struct {
					Disposition string `json:"disposition"`
				} `json:"data"`
			}
			if err := json.Unmarshal(value, &told); err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			switch kind := told.Data.Disposition; {
			case seen[told.ID]:
			case kind == "":
				count.Calls++
			default:
				count.Events++
				count.Dispositions[kind]++
			}
			seen[told.ID] = true
			return nil
		}
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(count)
}
