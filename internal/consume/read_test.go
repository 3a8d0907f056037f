package consume

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"pushbridge/internal/offset"
)

// part makes a batch of the log with records at the offsets.
func part(base, producer int64, attributes protocol.Attributes, offsets ...int64) *protocol.RecordBatch {
	var records []protocol.Record
	for _, o := range offsets {
		records = append(records, protocol.Record{Offset: o, Value: protocol.NewBytes([]byte(minimal)), Headers: []protocol.Header{{Key: "content-type", Value: []byte(structuredType)}}})
	}
	return &protocol.RecordBatch{BaseOffset: base, ProducerID: producer, Attributes: attributes, Records: protocol.NewRecordReader(records...)}
}

// marker makes the end of a transaction.
func marker(at, producer int64, kind int16) *protocol.ControlBatch {
	b := protocol.NewControlBatch(protocol.ControlRecord{Offset: at, Type: kind})
	b.BaseOffset, b.ProducerID = at, producer
	return b
}

// The responses here are those that brokers send of compacted and transactional
// logs, and that kafka-go's own readers stumble over.
func TestRead(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	const commit = 1
	transactional := protocol.Transactional

	for name, tt := range map[string]struct {
		from    int64
		parts   []protocol.RecordReader
		aborted []fetch.ResponseTransaction
		want    []int64
		next    int64
	}{
		"nothing": {from: 5, next: 5},
		"all":     {from: 5, parts: []protocol.RecordReader{part(5, -1, 0, 5, 6), part(7, -1, 0, 7)}, want: []int64{5, 6, 7}, next: 8},
		"begins before what was asked for": {
			from: 6, parts: []protocol.RecordReader{part(4, -1, 0, 4, 5, 6, 7)}, want: []int64{6, 7}, next: 8,
		},
		"gaps": {from: 5, parts: []protocol.RecordReader{part(5, -1, 0, 6, 9)}, want: []int64{6, 9}, next: 10},
		"the tail was compacted away": {
			from: 7, parts: []protocol.RecordReader{part(4, -1, 0, 4, 5)}, next: 8,
		},
		"a batch with nothing left":              {from: 7, parts: []protocol.RecordReader{part(7, -1, 0)}, next: 8},
		"a batch with nothing left, then others": {from: 7, parts: []protocol.RecordReader{part(7, -1, 0), part(9, -1, 0, 10)}, want: []int64{10}, next: 11},
		"ends in a marker": {
			from: 5, parts: []protocol.RecordReader{part(5, 1, transactional, 5), marker(6, 1, commit)}, want: []int64{5}, next: 7,
		},
		"only a marker": {from: 6, parts: []protocol.RecordReader{marker(6, 1, commit)}, next: 7},
		"aborted": {
			from: 5, parts: []protocol.RecordReader{part(5, 1, transactional, 5, 6), marker(7, 1, abortMarker), part(8, 1, transactional, 8)},
			aborted: []fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 5}}, want: []int64{8}, next: 9,
		},
		"aborted, among others": {
			from: 5, parts: []protocol.RecordReader{
				part(5, 1, transactional, 5), part(6, 2, transactional, 6), part(7, -1, 0, 7), part(8, 1, transactional, 8),
				marker(9, 2, commit), marker(10, 1, abortMarker),
			},
			aborted: []fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 5}}, want: []int64{6, 7}, next: 11,
		},
		"aborted twice, told in disorder": {
			from: 5, parts: []protocol.RecordReader{
				part(5, 1, transactional, 5), marker(6, 1, abortMarker), part(7, 1, transactional, 7), marker(8, 1, commit),
				part(9, 1, transactional, 9), marker(10, 1, abortMarker),
			},
			aborted: []fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 9}, {ProducerID: 1, FirstOffset: 5}}, want: []int64{7}, next: 11,
		},
		"asked for the end of an aborted one": {
			from: 6, parts: []protocol.RecordReader{marker(6, 1, abortMarker), part(7, 1, transactional, 7)},
			aborted: []fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 3}}, want: []int64{7}, next: 8,
		},
		"begins inside an aborted one": {
			from: 6, parts: []protocol.RecordReader{part(4, 1, transactional, 4, 5, 6), part(7, -1, 0, 7)},
			aborted: []fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 2}}, want: []int64{7}, next: 8,
		},
		"old format": {
			from: 5, parts: []protocol.RecordReader{&protocol.MessageSet{BaseOffset: 5, Records: part(5, -1, 0, 5).Records}}, want: []int64{5}, next: 6,
		},
	} {
		t.Run(name, func(t *testing.T) {
			events := offset.Partition{Topic: "events"}
			f := &fetcher{partition: events, next: tt.from, decode: decoder{maxBytes: DefaultMaxEventBytes}.decode}
			response := &fetch.ResponsePartition{HighWatermark: 100, AbortedTransactions: tt.aborted}
			if len(tt.parts) > 0 {
				response.RecordSet.Records = &protocol.RecordStream{Records: tt.parts}
			}
			batch, err := f.read(response)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, r := range batch.Records {
				if r.Err != nil || r.Position.Partition != events {
					t.Errorf("%s: %v", r.Position, r.Err)
				}
				got = append(got, r.Position.Offset)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("offsets (-want +got):\n%s", diff)
			}
			if batch.Next != tt.next || batch.End != 100 {
				t.Errorf("next %d, end %d; want %d, 100", batch.Next, batch.End, tt.next)
			}
		})
	}
}

// A record without a timestamp must not look 50 years late.
func TestRecordTime(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	when := time.UnixMilli(1770000000123)
	for stamp, want := range map[time.Time]time.Time{when: when, time.UnixMilli(-1): {}, time.UnixMilli(0): {}} {
		f := &fetcher{decode: func(*Record) {}}
		response := &fetch.ResponsePartition{}
		response.RecordSet.Records = &protocol.RecordStream{Records: []protocol.RecordReader{
			&protocol.RecordBatch{Records: protocol.NewRecordReader(protocol.Record{Time: stamp})},
		}}
		batch, err := f.read(response)
		if err != nil {
			t.Fatal(err)
		}
		if got := batch.Records[0].Time; !got.Equal(want) {
			t.Errorf("timestamp %v became %v, want %v", stamp, got, want)
		}
	}
}

// A record that waits must not hold its batch's memory, and nobody may write
// into another's.
func TestRecordsShareNoMemory(t *testing.T) {
	t.Attr("guards", "bounded memory")
	t.Parallel()
	records := protocol.NewRecordReader(
		protocol.Record{Offset: 0, Key: protocol.NewBytes([]byte("key")), Value: protocol.NewBytes([]byte("value"))},
		protocol.Record{Offset: 1, Key: protocol.NewBytes([]byte("key")), Value: protocol.NewBytes(nil)},
		protocol.Record{Offset: 2, Value: protocol.NewBytes([]byte{})},
	)
	f := &fetcher{decode: decoder{maxBytes: DefaultMaxEventBytes}.decode}
	response := &fetch.ResponsePartition{}
	response.RecordSet.Records = &protocol.RecordStream{Records: []protocol.RecordReader{&protocol.RecordBatch{Records: records}}}
	batch, err := f.read(response)
	if err != nil {
		t.Fatal(err)
	}
	first := batch.Records[0]
	_ = append(first.Key, "XXXX"...)
	if string(first.Value) != "value" {
		t.Errorf("appending to the key changed the value: %q", first.Value)
	}
	if batch.Records[1].Value != nil {
		t.Errorf("no value became %q", batch.Records[1].Value)
	}
	if batch.Records[2].Key != nil || batch.Records[2].Value == nil {
		t.Errorf("no key and an empty value became %v and %v", batch.Records[2].Key, batch.Records[2].Value)
	}
}

func TestFetchesAdaptToCompression(t *testing.T) {
	t.Attr("guards", "bounded memory")
	t.Parallel()
	const limit = 1 << 20
	memory := make([]byte, 100*limit) // never touched, so it takes no room
	for name, tt := range map[string]struct {
		before int32
		sizes  []int // of the values of the records that were brought
		want   int32
	}{
		"as sent":                {before: limit, sizes: []int{limit}, want: limit},
		"ten times larger":       {before: limit, sizes: []int{5 * limit, 5 * limit}, want: limit / 10},
		"a hundred times larger": {before: limit, sizes: []int{100 * limit}, want: minFetchBytes},
		"still too large":        {before: limit / 4, sizes: []int{2 * limit}, want: limit / 8},
		"about right":            {before: limit / 10, sizes: []int{limit/2 + 1}, want: limit / 10},
		"half":                   {before: limit / 10, sizes: []int{limit / 2}, want: limit / 10 * 2},
		"small, at the limit":    {before: limit, sizes: []int{1}, want: limit},
		"small, near the limit":  {before: limit - 1, sizes: []int{1}, want: limit},
		"nothing says nothing":   {before: limit / 10, want: limit / 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fetcher{limit: limit, maxBytes: tt.before}
			var records []Record
			for _, size := range tt.sizes {
				records = append(records, Record{Value: memory[:size]})
			}
			if f.adapt(records); f.maxBytes != tt.want {
				t.Errorf("next fetch: %d bytes, want %d", f.maxBytes, tt.want)
			}
		})
	}
}
