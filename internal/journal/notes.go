package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pushbridge/internal/offset"
)

// Notes is what must be known again after a restart beside calls and ends. A field
// that is empty says nothing.
type Notes struct {
	// Seen holds the events that were taken in for the first time, each with its
	// record. Those that end as duplicates are none of them: a copy would be taken
	// for a repeat of what was never pushed.
	Seen []Sighting
	// Newest holds, by partition, the latest timestamp among the records read so
	// far. A record with a later one is none of those.
	Newest map[offset.Partition]time.Time
	// Rewound holds partitions whose offsets mean other records from now on: what
	// earlier records say about them is about records that are gone.
	Rewound []offset.Partition
	// Told says that all result events are written for which records below this
	// offset of the journal are the reason.
	Told int64
	// Fenced is the Name of an attempt whose call may be made from now on. It is
	// noted where the name beside the committed offsets may be overtaken by an
	// older one.
	Fenced string
	// Approvals are what people approved of.
	Approvals []Approval
}

// Approval is that a person approved of a message under a rule.
type Approval struct {
	ID      string    `json:"id"` // intent.ApprovalID
	Rule    string    `json:"rule"`
	Author  string    `json:"author"`
	Comment string    `json:"comment"`
	At      time.Time `json:"at"`
}

// Authors names who approved.
func Authors(approvals []Approval) []string {
	var names []string
	for i := range approvals {
		names = append(names, approvals[i].Author)
	}
	return names
}

// IsZero says whether there is nothing to note.
func (n *Notes) IsZero() bool {
	return len(n.Seen) == 0 && len(n.Newest) == 0 && len(n.Rewound) == 0 && n.Told == 0 && n.Fenced == "" && len(n.Approvals) == 0
}

// place is a partition.
type place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

func placeOf(p offset.Partition) place { return place{p.Topic, p.ID} }

func (p place) partition() offset.Partition { return offset.Partition{Topic: p.Topic, ID: p.Partition} }

// newest is the latest timestamp of a partition's records.
type newest struct {
	place

	At int64 `json:"at"` // Unix milliseconds, as Kafka has them
}

// fenced names an attempt.
type fenced struct {
	Name string `json:"name"`
}

// sightings is events of one partition that were seen for the first time.
type sightings struct {
	span

	At     time.Time `json:"at"`
	Prints prints    `json:"prints"` // of the events, in the order of their offsets
}

// prints are Prints one behind the other, in base64.
type prints []Print

// MarshalText writes 16 characters a print, and no padding.
func (p prints) MarshalText() ([]byte, error) {
	text := make([]byte, 0, len(p)*base64.StdEncoding.EncodedLen(printBytes))
	for i := range p {
		text = base64.StdEncoding.AppendEncode(text, p[i][:])
	}
	return text, nil
}

// UnmarshalText reads what MarshalText writes.
func (p *prints) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(raw)%printBytes != 0 {
		return errors.Join(fmt.Errorf("decode prints: %d bytes, want %d an event", len(raw), printBytes), err)
	}
	*p = make(prints, len(raw)/printBytes)
	for i := range *p {
		(*p)[i] = Print(raw[i*printBytes:])
	}
	return nil
}

// maxSightings is how many of them go into one record, at 16 bytes each and, in
// the worst case, as many for the offsets.
const maxSightings = 20_000

// encodeNotes returns the notes as records. What was rewound comes first: the
// rest may speak of the new records.
func encodeNotes(n *Notes, now time.Time) ([][]byte, error) {
	head := record{Told: n.Told, Approvals: n.Approvals}
	if n.Fenced != "" {
		head.Fenced = &fenced{Name: n.Fenced}
	}
	for _, p := range n.Rewound {
		head.Rewound = append(head.Rewound, placeOf(p))
	}
	for _, p := range slices.SortedFunc(maps.Keys(n.Newest), offset.Partition.Compare) {
		head.Read = append(head.Read, newest{placeOf(p), n.Newest[p].UnixMilli()})
	}
	var records [][]byte
	for rest := n.Seen; len(rest) > 0 || records == nil; {
		size := min(len(rest), maxSightings)
		head.Seen, rest = sightingsOf(rest[:size], now), rest[size:]
		if n.IsZero() {
			return nil, nil
		}
		b, err := encode(head)
		if err != nil {
			return nil, err
		}
		records, head = append(records, b), record{}
	}
	return records, nil
}

// sightingsOf brings sightings together by partition. Of two of one record the
// first counts.
func sightingsOf(seen []Sighting, now time.Time) []sightings {
	sorted := slices.Clone(seen)
	slices.SortStableFunc(sorted, func(a, b Sighting) int { return a.Position.Compare(b.Position) })
	sorted = slices.CompactFunc(sorted, func(a, b Sighting) bool { return a.Position == b.Position })
	var all []sightings
	for len(sorted) > 0 {
		p := sorted[0].Position.Partition
		s := sightings{At: now.UTC()}
		var offsets []int64
		for len(sorted) > 0 && sorted[0].Position.Partition == p {
			offsets = append(offsets, sorted[0].Position.Offset)
			s.Prints = append(s.Prints, sorted[0].Print)
			sorted = sorted[1:]
		}
		s.span = spanOf(p, setOf(offsets))
		all = append(all, s)
	}
	return all
}

// check says whether there is a print for each event.
func (s *sightings) check() error {
	if n := s.Runs.Len(); n != int64(len(s.Prints)) {
		return fmt.Errorf("sightings in %v: %d prints for %d events", s.partition(), len(s.Prints), n)
	}
	return nil
}
