package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// version is what this program writes, and the newest that it understands. Since
// 2 attempts and outcomes say whose budget they draw on; those of 1 are the
// default lane's. Since 3 there are notes, and dispositions can be told again. Since
// 4 there are starts, and calls have the broker's time beside the writer's. Since 5
// there are approvals; what has none is still written as 4, so that who never asks
// for approval can go back to the bridge of before.
const (
	version      = 5
	versionPlain = 4
	versionTells = 3
)

// maxRecord is how long a record may get before it is split, in bytes. Brokers
// take a batch of 1048588 bytes by default, and some count it uncompressed; a
// split record is rare, a refused one would stop all calls.
const maxRecord = 950_000

// record is one message of the topic. Its form is schemas/journal.v1.json.
type record struct {
	V            int         `json:"v"`
	Started      *started    `json:"started,omitempty"`
	Told         int64       `json:"told,omitempty"`
	Rewound      []place     `json:"rewound,omitempty"`
	Read         []newest    `json:"read,omitempty"`
	Seen         []sightings `json:"seen,omitempty"`
	Fenced       *fenced     `json:"fenced,omitempty"`
	Approvals    []Approval  `json:"approvals,omitempty"`
	Attempt      *attempt    `json:"attempt,omitempty"`
	Covers       *moreCovers `json:"covers,omitempty"`
	Outcome      *outcome    `json:"outcome,omitempty"`
	Dispositions []ended     `json:"dispositions,omitempty"`
}

// started is the beginning of a session.
type started struct {
	At time.Time `json:"at"`
}

type attempt struct {
	ID           string            `json:"id"`
	Number       int               `json:"number"`
	Lane         string            `json:"lane,omitempty"`
	App          uint32            `json:"app,omitempty"`
	Pool         string            `json:"pool,omitempty"`
	At           time.Time         `json:"at"`
	BrokerAt     time.Time         `json:"broker_at,omitzero"` // the same by the journal's leader
	Deadline     time.Time         `json:"deadline,omitzero"`
	UnderWay     int64             `json:"under_way_ms,omitempty"`
	Random       uint32            `json:"random"`
	Condition    audience.Audience `json:"condition"`
	Messages     []intent.Message  `json:"messages"`
	RulesVersion string            `json:"rules_version,omitempty"`
	OnDoubt      string            `json:"on_doubt,omitempty"`
	Why          string            `json:"why,omitempty"`
	Covers       []cover           `json:"covers"`
}

// moreCovers precedes the attempt whose events do not fit into its own record.
type moreCovers struct {
	ID     string  `json:"id"`
	Number int     `json:"number"`
	Covers []cover `json:"covers"`
}

type cover struct {
	Rule   string `json:"rule"`
	Part   bool   `json:"part,omitempty"`
	Events span   `json:"events"`
}

// span is offsets of one partition.
type span struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Runs      runs   `json:"runs"`
}

type outcome struct {
	ID      string    `json:"id"`
	Number  int       `json:"number"`
	Lane    string    `json:"lane,omitempty"`
	App     uint32    `json:"app,omitempty"`
	Class   string    `json:"class"`
	Code    int       `json:"code,omitempty"`
	Info    string    `json:"info,omitempty"`
	TaskID  string    `json:"task_id,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Counted bool      `json:"counted"`

	BrokerEnded time.Time `json:"broker_ended,omitzero"` // Ended by the journal's leader
}

// ended is events that ended in the same way.
type ended struct {
	Kind   string    `json:"kind"`
	Rule   string    `json:"rule,omitempty"`
	Lane   string    `json:"lane,omitempty"`
	App    uint32    `json:"app,omitempty"`
	Push   string    `json:"push,omitempty"`
	TaskID string    `json:"task_id,omitempty"`
	Code   int       `json:"code,omitempty"`
	Info   string    `json:"info,omitempty"`
	Why    string    `json:"why,omitempty"`
	By     string    `json:"by,omitempty"`
	Doubt  bool      `json:"doubt,omitempty"`
	More   bool      `json:"more,omitempty"`
	At     time.Time `json:"at"` // of the latest
	Events []span    `json:"events"`
}

// VersionError says that a record was written by a newer bridge, whose meaning
// this one would have to guess.
type VersionError struct {
	Version int
}

// Error names both versions and the mend.
func (e *VersionError) Error() string {
	return fmt.Sprintf("record of version %d, this bridge reads up to version %d"+
		" (run the newer bridge again, or one newer still; the budget cannot be rebuilt without this record)", e.Version, version)
}

// parse reads one record. Every record has its version, so that a newer one is
// told from a broken one.
func parse(value []byte) (*record, error) {
	var head struct {
		V *int `json:"v"`
	}
	if err := json.Unmarshal(value, &head); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	switch {
	case head.V == nil || *head.V < 1:
		return nil, fmt.Errorf("decode record: no version: was it written by the bridge?")
	case *head.V > version:
		return nil, &VersionError{Version: *head.V}
	}
	var r record
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return &r, nil
}

// toOutcome returns the outcome that was stored.
func (w *outcome) toOutcome() Outcome {
	return Outcome{
		ID: w.ID, Number: w.Number, Lane: w.Lane, App: w.App, Class: w.Class, Code: w.Code, Info: w.Info, TaskID: w.TaskID,
		Started: w.Started, Ended: w.Ended, Counted: w.Counted,
	}
}

func (s span) partition() offset.Partition { return offset.Partition{Topic: s.Topic, ID: s.Partition} }

// toAttempt returns the attempt that was stored.
func (w *attempt) toAttempt(covers []cover) (Attempt, error) {
	a := Attempt{
		ID: w.ID, Number: w.Number, Lane: w.Lane, App: w.App, Pool: w.Pool, At: w.At, Deadline: w.Deadline, UnderWay: time.Duration(w.UnderWay) * time.Millisecond, Random: w.Random, Condition: w.Condition, Messages: w.Messages,
		RulesVersion: w.RulesVersion, Why: w.Why,
	}
	switch w.OnDoubt {
	case "":
	case intent.Resend.String():
		a.OnDoubt = intent.Resend
	case intent.Drop.String():
		a.OnDoubt = intent.Drop
	default:
		return Attempt{}, fmt.Errorf("attempt %s.%d: on_doubt %q: want %v or %v", w.ID, w.Number, w.OnDoubt, intent.Resend, intent.Drop)
	}
	// One attempt may have been written in several records, and each twice.
	for _, c := range covers {
		i := slices.IndexFunc(a.Covers, func(have Cover) bool {
			return have.Rule == c.Rule && have.Part == c.Part && have.Partition == c.Events.partition()
		})
		if i < 0 {
			i = len(a.Covers)
			a.Covers = append(a.Covers, Cover{Rule: c.Rule, Part: c.Part, Partition: c.Events.partition(), Offsets: new(offset.Set)})
		}
		for _, run := range c.Events.Runs.Ranges() {
			a.Covers[i].Offsets.AddRange(run)
		}
	}
	return a, nil
}

// encode returns the record's bytes. HTML escapes are off: they would change a
// message, which must come back as it was.
func encode(r record) ([]byte, error) {
	if r.V = versionPlain; len(r.Approvals) > 0 {
		r.V = version
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// encodeAttempt writes when it was decided by the broker's clock too, if that is known.
func encodeAttempt(a *Attempt, brokerAt time.Time) ([][]byte, error) {
	wire := attempt{
		ID: a.ID, Number: a.Number, Lane: a.Lane, App: a.App, Pool: a.Pool, At: a.At.UTC(), BrokerAt: brokerAt.UTC(), Deadline: a.Deadline.UTC(), UnderWay: wholeMilliseconds(a.UnderWay), Random: a.Random, Condition: a.Condition,
		Messages: a.Messages, RulesVersion: a.RulesVersion, Why: a.Why,
	}
	if a.OnDoubt != 0 {
		wire.OnDoubt = a.OnDoubt.String()
	}
	for _, c := range a.Covers {
		wire.Covers = append(wire.Covers, cover{Rule: c.Rule, Part: c.Part, Events: spanOf(c.Partition, c.Offsets)})
	}
	// What let it go stands beside it, so that a reader need not know the approval's own
	// record, which may be a day older.
	whole, err := encode(record{Attempt: &wire, Approvals: a.Approvals})
	if err != nil || len(whole) <= maxRecord {
		return [][]byte{whole}, err
	}
	var all [][]byte
	for _, part := range splitCovers(wire.Covers) {
		b, err := encode(record{Covers: &moreCovers{ID: a.ID, Number: a.Number, Covers: part}})
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	wire.Covers = []cover{}
	last, err := encode(record{Attempt: &wire, Approvals: a.Approvals})
	return append(all, last), err
}

// splitCovers deals the covers out to lists of maxRecord/2 bytes at most, which
// leaves the other half to names.
func splitCovers(covers []cover) [][]cover {
	var lists [][]cover
	var list []cover
	room := maxRecord / 2
	for _, c := range covers {
		part := new(offset.Set)
		end := int64(0)
		cut := func() {
			if part.Len() > 0 {
				list = append(list, cover{Rule: c.Rule, Part: c.Part, Events: spanOf(c.Events.partition(), part)})
				part, end = new(offset.Set), 0
			}
		}
		for _, r := range c.Events.Runs.Ranges() {
			size := len(strconv.FormatInt(r.First-end, 10)) + len(strconv.FormatInt(r.Last-r.First+1, 10)) + len(",,")
			if size > room {
				cut()
				lists, list, room = append(lists, list), nil, maxRecord/2
			}
			part.AddRange(r)
			end, room = r.Last+1, room-size
		}
		cut()
	}
	return append(lists, list)
}

func spanOf(p offset.Partition, set *offset.Set) span {
	return span{Topic: p.Topic, Partition: p.ID, Runs: runs{*set}}
}

// encodeOutcome writes when the call was over by the broker's clock too, if that is
// known.
func encodeOutcome(o *Outcome, brokerEnded time.Time, ds []Disposition) ([][]byte, error) {
	wire := outcome{
		ID: o.ID, Number: o.Number, Lane: o.Lane, App: o.App, Class: o.Class, Code: o.Code, Info: o.Info, TaskID: o.TaskID,
		Started: o.Started.UTC(), Ended: o.Ended.UTC(), BrokerEnded: brokerEnded.UTC(), Counted: o.Counted,
	}
	whole, err := encode(record{Outcome: &wire, Dispositions: compact(ds)})
	if err != nil || len(whole) <= maxRecord {
		return [][]byte{whole}, err
	}
	// The outcome first: should the dispositions be lost, the reader still knows
	// that these events were pushed (State.Partial).
	first, err := encode(record{Outcome: &wire})
	if err != nil {
		return nil, err
	}
	rest, err := encodeDispositions(ds)
	return append([][]byte{first}, rest...), err
}

func encodeDispositions(ds []Disposition) ([][]byte, error) {
	whole, err := encode(record{Dispositions: compact(ds)})
	if err != nil || len(whole) <= maxRecord || len(ds) == 1 {
		return [][]byte{whole}, err
	}
	left, err := encodeDispositions(ds[:len(ds)/2])
	if err != nil {
		return nil, err
	}
	right, err := encodeDispositions(ds[len(ds)/2:])
	return append(left, right...), err
}
