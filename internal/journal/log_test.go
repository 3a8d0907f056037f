package journal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

var promo = offset.Partition{Topic: "member.promo", ID: 0}

func attemptOf(t testing.TB, id string, at time.Time, offsets ...int64) Attempt {
	t.Helper()
	m, err := intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: "<5 % off & more>"}}})
	if err != nil {
		t.Fatal(err)
	}
	vips, err := audience.OfAnyTag("vip", "beta")
	if err != nil {
		t.Fatal(err)
	}
	return Attempt{
		ID: id, Number: 1, At: at, Deadline: at.Add(10 * time.Second), Random: 4294967295, Condition: vips,
		Messages: []intent.Message{m}, RulesVersion: "3f", OnDoubt: intent.Resend, Why: "deadline",
		Covers: []Cover{{Rule: "vip", Partition: promo, Offsets: setOf(offsets)}},
	}
}

func disposed(kind Kind, rule string, offsets ...int64) []Disposition {
	var ds []Disposition
	for _, o := range offsets {
		ds = append(ds, Disposition{
			Origin: intent.Origin{Position: offset.Position{Partition: promo, Offset: o}}, Kind: kind, Rule: rule, At: time.Unix(1000, 0),
		})
	}
	return ds
}

// sameAttempts ignores where instants carry their zone and their monotonic reading.
var sameAttempts = cmp.Options{
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	cmp.Comparer(func(a, b audience.Audience) bool { return a == b }),
	cmp.Comparer(func(a, b intent.Message) bool { return a == b }),
	cmp.Comparer(func(a, b *offset.Set) bool { return slices.Equal(a.Ranges(), b.Ranges()) }),
	cmpopts.EquateEmpty(),
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
		l := newLog(t, cfg)
		start := time.Now()
		done, open := attemptOf(t, "a1", start, 1, 2, 3), attemptOf(t, "b2", start.Add(2*time.Second), 7, 9)
		end := start.Add(time.Second)
		if err := errors.Join(
			l.Record(t.Context(), disposed(Unmatched, "", 4, 5)),
			l.Record(t.Context(), nil),
			l.Begin(t.Context(), done),
			l.End(t.Context(), Outcome{ID: "a1", Number: 1, Class: ClassOK, TaskID: "t", Started: start, Ended: end, Counted: true}, disposed(Pushed, "vip", 1, 2, 3)),
			l.Begin(t.Context(), open),
		); err != nil {
			t.Fatal(err)
		}

		s := read(t, cfg, ReadFrom{Clocks: Clocks{Now: start.Add(time.Minute)}})
		if s.Records != 4 || s.Next != 4 {
			t.Errorf("read %d records up to %d, want 4 and 4", s.Records, s.Next)
		}
		if diff := cmp.Diff([]Attempt{open}, s.InDoubt, sameAttempts); diff != "" {
			t.Errorf("in doubt (-want +got):\n%s", diff)
		}
		want := []Call{{Start: start, End: end, Counted: true, Class: ClassOK, Random: done.Random, Condition: done.Condition}, {End: open.Deadline, Counted: true, Random: open.Random, Condition: open.Condition}}
		if diff := cmp.Diff(want, s.Calls, sameAttempts); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for o := range int64(12) {
			if got, want := s.Ended(offset.Position{Partition: promo, Offset: o}), o >= 1 && o <= 5; got != want {
				t.Errorf("event %d ended: %v, want %v", o, got, want)
			}
		}
		if len(s.Partial) != 0 {
			t.Errorf("partial: %v, want none", s.Partial)
		}
	}, topic)
}

// What was told is known by the offset that the topic gave to what asked for it.
func TestNotesAreRead(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
		l := newLog(t, cfg)
		at := func(o int64) offset.Position { return offset.Position{Partition: promo, Offset: o} }
		var seen []Sighting
		key := func(o int64) intent.EventKey { return intent.EventKey{Source: "/crm", ID: fmt.Sprint(o)} }
		for o := range int64(2*maxSightings + 5) {
			seen = append(seen, Sighting{Position: at(o), Print: PrintOf(key(o))})
		}
		start := time.Now()
		if err := errors.Join(l.Note(t.Context(), Notes{}), l.Record(t.Context(), disposed(Unmatched, "", 1))); err != nil {
			t.Fatal(err)
		}
		if got := l.Written(); got != 1 {
			t.Errorf("written up to %d, want 1: nothing noted is no record", got)
		}
		if err := errors.Join(
			l.Note(t.Context(), Notes{Seen: seen, Told: l.Written(), Newest: map[offset.Partition]time.Time{promo: start}}),
			l.Record(t.Context(), disposed(Unmatched, "", 2)),
		); err != nil {
			t.Fatal(err)
		}
		s := read(t, cfg, ReadFrom{Clocks: Clocks{Now: start.Add(time.Minute)}, Remember: time.Hour, RememberMax: maxSightings})
		if s.Records != 5 || s.Told != 1 || len(s.Untold) != 1 || !s.Untold[0].Holds(at(2)) || s.Newest[promo].UnixMilli() != start.UnixMilli() {
			t.Errorf("%d records, told up to %d, untold %v, newest %v; want 5, 1, the event at 2, %v", s.Records, s.Told, s.Untold, s.Newest, start)
		}
		now := start.Add(time.Minute)
		for o := range int64(2*maxSightings + 5) {
			newer := o >= maxSightings+5 // the older ones are beyond RememberMax
			if first, ok := s.Seen.First(now, PrintOf(key(o))); ok != newer || ok && first != at(o) {
				t.Fatalf("event %d was first seen at %v, %v; want %v", o, first, ok, newer)
			}
		}
	}, topic)
}

func TestFaultsOfTheBroker(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	for name, tt := range map[string]struct {
		err     *kerr.Error
		count   int
		wantErr string // of Begin; empty: it heals
		records int    // read afterwards
		tries   bool   // took its patience
	}{
		"leader moved":           {err: kerr.NotLeaderForPartition, count: 3, records: 2},
		"too few replicas":       {err: kerr.NotEnoughReplicas, count: 1, records: 2},
		"answer lost, twice":     {err: kerr.RequestTimedOut, count: 2, records: 4}, // written each time
		"leader gone for good":   {err: kerr.NotLeaderForPartition, count: -1, wantErr: "Not Leader", tries: true},
		"refused by access list": {err: kerr.TopicAuthorizationFailed, count: -1, wantErr: "Topic Authorization Failed"},
		"too large":              {err: kerr.MessageTooLarge, count: -1, wantErr: "raise max.message.bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, cluster *kfake.Cluster, cfg Config) {
				l := newLog(t, cfg)
				fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: tt.err, Count: tt.count})
				start := time.Now()
				err := l.Begin(t.Context(), attemptOf(t, "a1", start, 1))
				fault.Remove()
				if tt.wantErr != "" {
					if !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), tt.wantErr) || !strings.Contains(err.Error(), "attempt a1.1") {
						t.Errorf("err = %v, want ErrUnwritable with %q", err, tt.wantErr)
					}
					if took := time.Since(start); tt.tries != (took > defaultPatience/2) || took > 2*defaultPatience {
						t.Errorf("gave up after %v", took)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := l.End(t.Context(), Outcome{ID: "a1", Number: 1, Class: ClassOK, Ended: time.Now(), Counted: true}, disposed(Pushed, "vip", 1)); err != nil {
					t.Fatal(err)
				}
				s := read(t, cfg, ReadFrom{Clocks: Clocks{Now: time.Now()}})
				if s.Records != tt.records || len(s.Calls) != 1 || len(s.InDoubt) != 0 {
					t.Errorf("%d records, %d calls, %d in doubt; want %d, 1, 0", s.Records, len(s.Calls), len(s.InDoubt), tt.records)
				}
			}, topic)
		})
	}
}

func TestWritesWaitForAllReplicas(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, func(t *testing.T, cluster *kfake.Cluster, cfg Config) {
		seen := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Count: -1, Observe: true, When: func(r kmsg.Request) bool {
			return r.(*kmsg.ProduceRequest).Acks == -1
		}})
		l := newLog(t, cfg)
		if err := errors.Join(
			l.Begin(t.Context(), attemptOf(t, "a1", time.Now(), 1)),
			l.End(t.Context(), Outcome{ID: "a1", Number: 1, Class: ClassOK}, nil),
			l.Record(t.Context(), disposed(Expired, "vip", 2)),
		); err != nil {
			t.Fatal(err)
		}
		if seen.Hits() != 3 {
			t.Errorf("%d writes with acks=all, want 3", seen.Hits())
		}
	}, topic)
}

func TestReadSkipsWhatABatchHasBeforeTheWindow(t *testing.T) {
	t.Attr("guards", "records before the first one asked for are not read")
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
		now := time.Now()
		var records []kafka.Record
		for i, age := range []time.Duration{50 * time.Hour, 40 * time.Hour, time.Hour} {
			value, err := encodeDispositions(disposed(Expired, "vip", int64(i)))
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, kafka.Record{Time: now.Add(-age), Value: kafka.NewBytes(value[0])})
		}
		client := &kafka.Client{Addr: cfg.Addr, Transport: cfg.Transport}
		res, err := client.Produce(t.Context(), &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...)})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			t.Fatal(err)
		}
		s := read(t, cfg, ReadFrom{Clocks: Clocks{Now: now}})
		if s.Records != 1 || s.Next != 3 || !s.Ended(offset.Position{Partition: promo, Offset: 2}) {
			t.Errorf("%d records up to %d, want 1 up to 3", s.Records, s.Next)
		}
	}, topic)
}

func TestReadBeginsAtTheWindowOrTheOldestEvent(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
		// One refresh a second would be most of four days' work.
		cfg.Transport.(*kafka.Transport).MetadataTTL = time.Hour
		l := newLog(t, cfg)
		start := time.Now()
		// A call every hour for four days, each with the event of its hour.
		for h := range int64(96) {
			at := time.Now()
			id := time.Duration(h).String()
			end := Outcome{ID: id, Number: 1, Class: ClassOK, Started: at, Ended: at, Counted: true}
			if err := errors.Join(l.Begin(t.Context(), attemptOf(t, id, at, h)), l.End(t.Context(), end, disposed(Pushed, "vip", h))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		now := time.Now()

		s := read(t, cfg, ReadFrom{Clocks: Clocks{Now: now}})
		if len(s.Calls) != 25 || s.Records >= 2*28 {
			t.Errorf("the longest day: %d calls of %d records, want 25 of fewer than 56", len(s.Calls), s.Records)
		}
		s = read(t, cfg, ReadFrom{Clocks: Clocks{Now: now}, OldestEvent: start.Add(40 * time.Hour)})
		if len(s.Calls) != 25 || !s.Ended(offset.Position{Partition: promo, Offset: 40}) {
			t.Errorf("with an event of hour 40 open: %d calls, its end known: %v; want 25 and true", len(s.Calls), s.Ended(offset.Position{Partition: promo, Offset: 40}))
		}
		s = read(t, cfg, ReadFrom{Clocks: Clocks{Now: now.Add(30 * time.Hour)}})
		if len(s.Calls) != 0 || s.Records != 0 || s.Next != 192 {
			t.Errorf("30 hours later: %d calls, %d records, next %d; want 0, 0, 192", len(s.Calls), s.Records, s.Next)
		}
	}, topic)
}

func TestForeignRecordStopsTheReading(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	for name, tt := range map[string]struct{ value, wantErr string }{
		"newer version":  {`{"v":6,"attempt":{"tower":7}}`, "version 6, this bridge reads up to version 5 (run the newer bridge again"},
		"no version":     {`{"hello":1}`, "was it written by the bridge?"},
		"no JSON":        {`hello`, "decode record"},
		"empty":          {``, "decode record"},
		"unknown member": {`{"v":1,"surprise":1}`, "surprise"},
		"unknown end":    {`{"v":1,"dispositions":[{"kind":"eaten","at":"2026-01-01T00:00:00Z","events":[]}]}`, `"eaten"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
				l := newLog(t, cfg)
				if err := errors.Join(l.Record(t.Context(), disposed(Expired, "vip", 1)), l.write(t.Context(), [][]byte{[]byte(tt.value)})); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err := Read(t.Context(), cfg, ReadFrom{Clocks: Clocks{Now: start}})
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) || !strings.Contains(err.Error(), topic+"/0@1") {
					t.Errorf("err = %v, want one with %q and the place", err, tt.wantErr)
				}
				if _, ok := errors.AsType[*VersionError](err); ok != (name == "newer version") {
					t.Errorf("err = %v: VersionError %v", err, ok)
				}
				if time.Since(start) > time.Second {
					t.Error("tried again, which is no use")
				}
			}, topic)
		})
	}
}

func TestEnsure(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	for name, tt := range map[string]struct {
		partitions int
		settings   map[string]string
		create     bool
		keep       time.Duration
		want       []string // parts of the message, each with its mend; none: it is fine
	}{
		"right":                {partitions: 1, settings: map[string]string{"retention.ms": "93600000"}},
		"with broker's time":   {partitions: 1, settings: map[string]string{"message.timestamp.type": "LogAppendTime"}},
		"for ever":             {partitions: 1, settings: map[string]string{"retention.ms": "-1"}},
		"missing, create":      {create: true},
		"missing":              {want: []string{"does not exist", "create it with one partition"}},
		"two partitions":       {partitions: 2, want: []string{"2 partitions, want 1", "new journal topic"}},
		"one ms too short":     {partitions: 1, settings: map[string]string{"retention.ms": "93599999"}, want: []string{"retention.ms", "set retention.ms to 93600000"}},
		"right for an expiry":  {partitions: 1, settings: map[string]string{"retention.ms": "180000000"}, keep: 49 * time.Hour},
		"short for an expiry":  {partitions: 1, settings: map[string]string{"retention.ms": "93600000"}, keep: 49 * time.Hour, want: []string{"less than the 50h0m0s", "set retention.ms to 180000000 or more, better 604800000"}},
		"made for an expiry":   {create: true, keep: 30 * 24 * time.Hour},
		"compacted":            {partitions: 1, settings: map[string]string{"cleanup.policy": "compact"}, want: []string{"set cleanup.policy=delete"}},
		"compacted also":       {partitions: 1, settings: map[string]string{"cleanup.policy": "compact,delete"}, want: []string{"set cleanup.policy=delete"}},
		"all wrong, one error": {partitions: 3, settings: map[string]string{"cleanup.policy": "compact", "retention.ms": "1", "retention.bytes": "5"}, want: []string{"3 partitions", "cleanup.policy", "retention.ms", "retention.bytes=-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
				if tt.partitions > 0 {
					entries := []kafka.ConfigEntry{}
					for k, v := range tt.settings {
						entries = append(entries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
					}
					client := &kafka.Client{Addr: cfg.Addr, Transport: cfg.Transport}
					res, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
						{Topic: topic, NumPartitions: tt.partitions, ReplicationFactor: 1, ConfigEntries: entries},
					}})
					if err = errors.Join(err, res.Errors[topic]); err != nil {
						t.Fatal(err)
					}
				}
				cfg.Keep = tt.keep
				advice, err := Ensure(t.Context(), cfg, tt.create)
				if made := tt.create || tt.partitions == 0; !made && tt.settings["message.timestamp.type"] == "" {
					if len(advice) != 1 || !strings.Contains(advice[0].Error(), "set message.timestamp.type=LogAppendTime") {
						t.Errorf("advice %v, want one on the time of records", advice)
					}
				} else if len(advice) > 0 {
					t.Errorf("advice %v, want none", advice)
				}
				if len(tt.want) == 0 {
					if err != nil {
						t.Fatal(err)
					}
					// What is right, or was made, can be used at once.
					if err := newLog(t, cfg).Record(t.Context(), disposed(Expired, "vip", 1)); err != nil {
						t.Fatal(err)
					}
					if s := read(t, cfg, ReadFrom{Clocks: Clocks{Now: time.Now()}}); s.Records != 1 {
						t.Errorf("%d records, want 1", s.Records)
					}
					if again, err := Ensure(t.Context(), cfg, false); err != nil || len(again) != len(advice) {
						t.Errorf("checked again: %v, %v", again, err)
					}
					return
				}
				if _, ok := errors.AsType[*TopicError](err); !ok {
					t.Fatalf("err = %v, want a *TopicError", err)
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("err = %v, want %q in it", err, want)
					}
				}
			})
		})
	}
}
