package results

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

func manyEnds(n int) []journal.Disposition {
	ds := make([]journal.Disposition, n)
	for i := range ds {
		ds[i] = ends()["unmatched"]
		ds[i].Origin.Position.Offset = int64(i)
		ds[i].Origin.Key = fmt.Appendf(nil, "m-%d", i)
	}
	return ds
}

func TestEveryEndIsToldOnce(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	const n = 2*chunk + 7
	inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
		w := newWriter(t, cfg)
		start := time.Now()
		if err := w.Tell(t.Context(), manyEnds(n)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v: batches wait for kafka-go's timer", took)
		}
		got := readAll(t, cfg, resultsTopic)
		if len(got) != n {
			t.Fatalf("%d messages, want %d", len(got), n)
		}
		for i, m := range got {
			ev := decode(t, m)
			if want := fmt.Sprintf("member.promo/2@%d::unmatched", i); ev.ID() != want || string(m.Key) != fmt.Sprintf("m-%d", i) {
				t.Fatalf("message %d: id %q, key %q; want id %q", i, ev.ID(), m.Key, want)
			}
		}
	})
}

// A broker takes records whose key is nearly as long as a record may be.
func TestLongTextsDoNotStopTheTelling(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for _, binary := range []bool{false, true} {
		t.Run(fmt.Sprintf("binary %t", binary), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
				cfg.Format.Binary = binary
				long := strings.Repeat("\x01", batchBytes)
				d := ends()["pushed"]
				d.Rule, d.Info, d.Reason, d.By, d.Why = long, long, long, long, long
				d.Origin.CorrelationID, d.Origin.Traceparent, d.RulesVersion, d.PushID, d.TaskID = long, long, long, long, long
				d.Origin.Source, d.Origin.ID, d.Origin.Type, d.Origin.Key = long, long, long, []byte(long)
				w := newWriter(t, cfg)
				if err := w.Tell(t.Context(), []journal.Disposition{d, manyEnds(1)[0]}); err != nil {
					t.Fatal(err)
				}
				if got := readAll(t, cfg, resultsTopic); len(got) != 2 {
					t.Errorf("%d messages, want 2", len(got))
				}
			})
		})
	}
}

func TestCallsAreTold(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
		w := newWriter(t, cfg)
		if err := w.TellPush(t.Context(), calls(t)["call-ok"]); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, cfg, resultsTopic)
		if len(got) != 1 || string(got[0].Key) != "7f3a" {
			t.Fatalf("%d messages, want one with the push's id as key", len(got))
		}
		if ev := decode(t, got[0]); ev.ID() != "7f3a.2" || ev.Subject() != "7f3a" {
			t.Errorf("id %q, subject %q", ev.ID(), ev.Subject())
		}
	})
}

func TestFaultsOfTheBroker(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	for name, tt := range map[string]struct {
		err      *kerr.Error
		count    int
		wantErr  string
		distinct int
		repeats  bool
	}{
		"leader moved":  {err: kerr.NotLeaderForPartition, count: 3, distinct: 50},
		"answer lost":   {err: kerr.RequestTimedOut, count: 1, distinct: 50, repeats: true},
		"gone for good": {err: kerr.NotEnoughReplicas, count: -1, wantErr: "Not Enough Replicas"},
		"refused":       {err: kerr.TopicAuthorizationFailed, count: -1, wantErr: "Topic Authorization Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, cluster *kfake.Cluster, cfg Config) {
				w := newWriter(t, cfg)
				fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: tt.err, Count: tt.count})
				start := time.Now()
				err := w.Tell(t.Context(), manyEnds(50))
				fault.Remove()
				if tt.wantErr != "" {
					if !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), tt.wantErr) {
						t.Errorf("err = %v, want ErrUnwritable with %q", err, tt.wantErr)
					}
					if took := time.Since(start); took > 2*defaultPatience {
						t.Errorf("gave up after %v", took)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				ids := map[string]bool{}
				got := readAll(t, cfg, resultsTopic)
				for _, m := range got {
					ev := decode(t, m)
					ids[ev.ID()] = true
				}
				if len(ids) != tt.distinct || (len(got) > len(ids)) != tt.repeats {
					t.Errorf("%d messages, %d ids; want %d ids", len(got), len(ids), tt.distinct)
				}
			})
		})
	}
}

func TestOnlyWhatFailedIsWrittenAgain(t *testing.T) {
	t.Attr("guards", "readers see few repeats")
	t.Parallel()
	inBubbleOf(t, 2, func(t *testing.T, cluster *kfake.Cluster, cfg Config) {
		w := newWriter(t, cfg)
		fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.NotLeaderForPartition, Count: 3})
		if err := w.Tell(t.Context(), manyEnds(50)); err != nil {
			t.Fatal(err)
		}
		if fault.Hits() != 3 {
			t.Fatalf("%d faults, want 3: the test proves nothing", fault.Hits())
		}
		first, second := readPartition(t, cfg, resultsTopic, 0), readPartition(t, cfg, resultsTopic, 1)
		if len(first) == 0 || len(second) == 0 || len(first)+len(second) != 50 {
			t.Errorf("%d and %d messages, want 50 in all and some in both", len(first), len(second))
		}
	})
}

func TestWritesWaitForAllReplicas(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, func(t *testing.T, cluster *kfake.Cluster, cfg Config) {
		w := newWriter(t, cfg)
		seen := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Count: -1, Observe: true, When: func(r kmsg.Request) bool {
			return r.(*kmsg.ProduceRequest).Acks == -1
		}})
		if err := errors.Join(w.Tell(t.Context(), manyEnds(1)), w.Bury(t.Context(), []DeadLetter{{Reason: Undecodable}})); err != nil {
			t.Fatal(err)
		}
		if seen.Hits() != 2 {
			t.Errorf("%d writes with acks=all, want 2", seen.Hits())
		}
	})
}

func TestWriterObeysItsContext(t *testing.T) {
	t.Attr("guards", "a bridge that stops does not wait for a broker that does not answer")
	t.Parallel()
	inBubble(t, func(t *testing.T, cluster *kfake.Cluster, cfg Config) {
		w := newWriter(t, cfg)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := w.Tell(ctx, manyEnds(3))
		if took := time.Since(start); !errors.Is(err, ErrUnwritable) || took > time.Second {
			t.Errorf("err = %v after %v", err, took)
		}
	})
}

func TestDeadLettersAreAsTheyCame(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	born := at.Add(-time.Hour)
	position := offset.Position{Partition: offset.Partition{Topic: "member.promo", ID: 3}, Offset: 1207}
	own := func(reason, text, rule, attempts string) map[string]string {
		h := map[string]string{
			"bridge_dlq_reason": reason, "bridge_dlq_error": text, "bridge_dlq_topic": "member.promo", "bridge_dlq_partition": "3",
			"bridge_dlq_offset": "1207", "bridge_dlq_time": "2026-11-22T12:00:00Z", "bridge_dlq_attempts": attempts, "bridge_dlq_condition": "permanent",
		}
		if rule != "" {
			h["bridge_dlq_rule"] = rule
		}
		return h
	}
	for name, tt := range map[string]struct {
		in      DeadLetter
		headers map[string]string // ours, beside the record's own
		value   []byte
		bare    bool      // neither the record's key nor its headers are left
		born    time.Time // the letter's own timestamp where it is not an hour old
	}{
		"binary event": {
			in: DeadLetter{
				Key: []byte("k"), Value: []byte("\x00\xff"), Headers: []Header{{"ce_id", []byte("e-1")}, {"empty", nil}},
				Reason: RuleFailed, Text: "tag 2: 51 bytes", Rule: "vip", Attempts: 3,
			},
			value: []byte("\x00\xff"), headers: own("rule_failed", "tag 2: 51 bytes", "vip", "3"),
		},
		"tombstone": {in: DeadLetter{Reason: Undecodable, Text: "no value"}, headers: own("undecodable", "no value", "", "1")},
		"from the future": {
			in:    DeadLetter{Value: []byte("v"), Time: at.Add(maxAhead + time.Second), Reason: Undecodable, Text: "x"},
			value: []byte("v"), headers: with(own("undecodable", "x", "", "1"), "bridge_dlq_timestamp", "2026-11-22T12:30:01Z"), born: at,
		},
		"from a clock that is ahead": {
			in:    DeadLetter{Value: []byte("v"), Time: at.Add(maxAhead), Reason: Undecodable, Text: "x"},
			value: []byte("v"), headers: own("undecodable", "x", "", "1"), born: at.Add(maxAhead),
		},
		"failed again": {
			in: DeadLetter{
				Value: []byte("v"), Headers: []Header{{"bridge_dlq_reason", []byte("old")}, {"bridge_dlq_code", []byte("old")}},
				Reason: Undecodable, Text: "x",
			},
			value: []byte("v"), headers: own("undecodable", "x", "", "1"),
		},
		"larger than any message may be": {
			in:    DeadLetter{Value: make([]byte, batchBytes), Reason: Undecodable, Text: "x"},
			value: []byte{}, headers: with(own("undecodable", "x", "", "1"), "bridge_dlq_omitted", "1000000"),
		},
		"headers larger than any message may be": {
			in: DeadLetter{
				Key: []byte("k"), Value: []byte("v"), Headers: []Header{{"big", make([]byte, batchBytes)}},
				Reason: Undecodable, Text: "x",
			},
			value: []byte{}, headers: with(own("undecodable", "x", "", "1"), "bridge_dlq_omitted", "1000005"), bare: true,
		},
		"key larger than any message may be": {
			in:    DeadLetter{Key: make([]byte, batchBytes), Reason: Undecodable, Text: "x"},
			value: []byte{}, headers: with(own("undecodable", "x", "", "1"), "bridge_dlq_omitted", "1000000"), bare: true,
		},
		"just fits": {
			in:    DeadLetter{Value: make([]byte, batchBytes-1000), Reason: Undecodable, Text: "x"},
			value: make([]byte, batchBytes-1000), headers: own("undecodable", "x", "", "1"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
				reg := prometheus.NewPedanticRegistry()
				cfg.Registerer = reg
				w := newWriter(t, cfg)
				tt.in.Position, tt.in.At = position, at
				if tt.born.IsZero() {
					tt.in.Time, tt.born = born, born
				}
				if err := w.Bury(t.Context(), []DeadLetter{tt.in}); err != nil {
					t.Fatal(err)
				}
				got := readAll(t, cfg, dlqTopic)
				if len(got) != 1 {
					t.Fatalf("%d records, want 1", len(got))
				}
				m, key := got[0], tt.in.Key
				if tt.bare {
					key, tt.in.Headers = nil, nil
				}
				if string(m.Key) != string(key) || string(m.Value) != string(tt.value) || !m.Time.Equal(tt.born) {
					t.Errorf("key %q, value of %d bytes, time %v; want %q, %d, %v", m.Key, len(m.Value), m.Time, key, len(tt.value), tt.born)
				}
				want := tt.headers
				for _, h := range tt.in.Headers {
					if !strings.HasPrefix(h.Key, "bridge_") {
						want = with(want, h.Key, string(h.Value))
					}
				}
				if diff := cmp.Diff(want, headersOf(t, m)); diff != "" {
					t.Errorf("headers (-want +got):\n%s", diff)
				}
				count := map[string]float64{"undecodable": 0, "rule_failed": 0, "refused": 0, "invalid_data": 0} // all from the start
				count[tt.in.Reason.String()] = 1
				if diff := cmp.Diff(count, letterCounts(t, reg)); diff != "" {
					t.Errorf("bridge_dlq_total (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRefusedPushIsBuried(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
		w := newWriter(t, cfg)
		at := time.Now()
		if err := w.BuryPush(t.Context(), RefusedPush{
			PushID: "7f3a", Request: []byte(`{"MsgRandom":1}`), Code: 90032, Text: "too many tags", Rules: []string{"all", "vip"}, Lane: "alerts", At: at,
		}); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, cfg, dlqTopic)
		if len(got) != 1 || string(got[0].Value) != `{"MsgRandom":1}` || string(got[0].Key) != "7f3a" {
			t.Fatalf("got %v", got)
		}
		want := map[string]string{
			"content-type": "application/json", "bridge_dlq_reason": "refused", "bridge_dlq_error": "too many tags", "bridge_dlq_code": "90032",
			"bridge_dlq_push": "7f3a", "bridge_dlq_rule": "all,vip", "bridge_dlq_lane": "alerts", "bridge_dlq_time": at.UTC().Format(time.RFC3339Nano), "bridge_dlq_attempts": "1",
			"bridge_dlq_condition": "permanent",
		}
		if diff := cmp.Diff(want, headersOf(t, got[0])); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
	})
}

func letterCounts(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "bridge_dlq_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			counts[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return counts
}

func with(m map[string]string, key, value string) map[string]string {
	out := maps.Clone(m)
	out[key] = value
	return out
}

func headersOf(t *testing.T, m kafka.Message) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, h := range m.Headers {
		if _, twice := out[h.Key]; twice {
			t.Errorf("header %s twice", h.Key)
		}
		out[h.Key] = string(h.Value)
	}
	return out
}

func TestFormatIsChecked(t *testing.T) {
	t.Attr("guards", "configuration")
	t.Parallel()
	for name, tt := range map[string]struct {
		in      Format
		wantErr string
	}{
		"least":             {in: Format{SDKAppID: 1}},
		"all":               {in: Format{SDKAppID: 1, Prefix: "com.example-1", Schemas: "https://example.com/s/", Binary: true}},
		"no app":            {wantErr: "sdkappid 0"},
		"prefix with space": {in: Format{SDKAppID: 1, Prefix: "com example"}, wantErr: "com example"},
		"relative schemas":  {in: Format{SDKAppID: 1, Schemas: "schemas"}, wantErr: "absolute URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(Config{Addr: kafka.TCP("localhost:1"), Transport: &kafka.Transport{}, Topic: "r", DLQTopic: "d", Format: tt.in})
			if (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("err = %v, want one with %q", err, tt.wantErr)
			}
		})
	}
}

func TestUndecodableEventHasASubject(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	d := journal.Disposition{
		Origin: intent.Origin{Position: offset.Position{Partition: offset.Partition{Topic: "t"}, Offset: 5}}, Kind: journal.DeadLettered, At: time.Unix(1, 0),
	}
	m, _ := newEncoder(Format{SDKAppID: 7}).eventDisposed(nil, &d)
	ev := decode(t, m)
	if _, ok := ev.Extensions()["causationid"]; ok || ev.Subject() != "t/0@5" {
		t.Errorf("subject %q, extensions %v; want the position, and no cause", ev.Subject(), ev.Extensions())
	}
}
