package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/devkafka"
)

// recordingWriter keeps what is written; fail refuses the messages of a call.
type recordingWriter struct {
	calls []int
	got   []kafka.Message
	fail  func([]kafka.Message) error
}

func (w *recordingWriter) WriteMessages(_ context.Context, messages ...kafka.Message) error {
	w.calls = append(w.calls, len(messages))
	if w.fail != nil {
		if err := w.fail(messages); err != nil {
			return err
		}
	}
	w.got = append(w.got, messages...)
	return nil
}

func jsonLine(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/s","type":"t"}`, id) + "\n"
}

func TestEmitLines(t *testing.T) {
	t.Attr("guards", "emit writes each line once, in order, and says where it stopped")
	t.Parallel()
	var many strings.Builder
	for i := range 1200 {
		many.WriteString(jsonLine(fmt.Sprint(i)))
	}
	for name, tt := range map[string]struct {
		in      string
		written int
		calls   []int
		wantErr string
	}{
		"nothing":            {in: ""},
		"blank lines":        {in: "\n" + jsonLine("1") + "\n \r\n" + jsonLine("2"), written: 2, calls: []int{2}},
		"no newline at last": {in: jsonLine("1") + strings.TrimSpace(jsonLine("2")), written: 2, calls: []int{2}},
		"chunks":             {in: many.String(), written: 1200, calls: []int{500, 500, 200}},
		"malformed":          {in: jsonLine("1") + "\n" + jsonLine("2") + "{\"specversion\":\n" + jsonLine("3"), written: 2, calls: []int{2}, wantErr: "in.jsonl:4: invalid: no JSON at character 16: it ends"},
		"no event":           {in: `{"a":1}` + "\n", wantErr: "in.jsonl:1: invalid: specversion"},
		"one the SDK panics on": {
			in:      `{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":1}`,
			wantErr: "in.jsonl:1: invalid: data_base64 is a number",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &recordingWriter{}
			e := emitter{writer: w}
			err := e.lines(t.Context(), "in.jsonl", strings.NewReader(tt.in))
			if (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
			if e.written != tt.written || len(w.got) != tt.written {
				t.Errorf("%d counted, %d written, want %d", e.written, len(w.got), tt.written)
			}
			if diff := cmp.Diff(tt.calls, w.calls); diff != "" {
				t.Errorf("messages a call (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmitCountsOnlyWhatWasAcknowledged(t *testing.T) {
	t.Attr("guards", "emit's count is true")
	t.Parallel()
	refused := errors.New("refused")
	w := &recordingWriter{fail: func([]kafka.Message) error { return kafka.WriteErrors{nil, refused, nil} }}
	e := emitter{writer: w}
	err := e.lines(t.Context(), "in.jsonl", strings.NewReader(jsonLine("1")+jsonLine("2")+jsonLine("3")))
	if !errors.Is(err, refused) || e.written != 2 || !strings.Contains(err.Error(), "1 were refused") {
		t.Errorf("%d written, error %v; want 2 and the refusal", e.written, err)
	}
}

func TestEmitMessage(t *testing.T) {
	t.Attr("guards", "emit writes what the Kafka protocol binding says")
	t.Parallel()
	const line = `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u","time":"2026-11-22T10:00:00Z","partitionkey":"pk","n":7,"datacontenttype":"application/json","data":{"a": 1}}`
	for name, tt := range map[string]struct {
		line    string
		flags   emitFlags
		key     string
		value   string
		headers map[string]string
	}{
		"structured, the line as it is": {
			line: line, flags: emitFlags{key: "partitionkey"}, key: "pk", value: line,
			headers: map[string]string{"content-type": "application/cloudevents+json"},
		},
		"key by subject": {
			line: line, flags: emitFlags{key: "subject"}, key: "u", value: line,
			headers: map[string]string{"content-type": "application/cloudevents+json"},
		},
		"key by a number": {
			line: line, flags: emitFlags{key: "n"}, key: "7", value: line,
			headers: map[string]string{"content-type": "application/cloudevents+json"},
		},
		"no such key": {
			line: line, flags: emitFlags{key: "none"}, value: line,
			headers: map[string]string{"content-type": "application/cloudevents+json"},
		},
		"binary, data of no said type": {
			line: `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":[1]}`, flags: emitFlags{binary: true}, value: `[1]`,
			headers: map[string]string{"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t", "content-type": "application/json"},
		},
		"binary, bytes of no said type": {
			line: `{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"eA=="}`, flags: emitFlags{binary: true}, value: `x`,
			headers: map[string]string{"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t"},
		},
		"binary": {
			line: line, flags: emitFlags{key: "source", binary: true}, key: "/s", value: `{"a": 1}`,
			headers: map[string]string{
				"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t", "ce_subject": "u", "ce_time": "2026-11-22T10:00:00Z",
				"ce_partitionkey": "pk", "ce_n": "7", "content-type": "application/json",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := emitter{flags: tt.flags}
			m, err := e.message([]byte(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, h := range m.Headers {
				got[h.Key] = string(h.Value)
			}
			if string(m.Key) != tt.key || (m.Key == nil) != (tt.key == "") || string(m.Value) != tt.value {
				t.Errorf("key %q, value %s; want %q, %s", m.Key, m.Value, tt.key, tt.value)
			}
			if diff := cmp.Diff(tt.headers, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

// runEmitCommand runs the command as a user does.
func runEmitCommand(t *testing.T, stdin string, args ...string) (stderr string, code int) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCmd()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(io.Discard)
	root.SetErr(&out)
	err := execute(t.Context(), root)
	code = report(&out, err)
	return out.String(), code
}

func TestEmitCommand(t *testing.T) {
	t.Attr("guards", "emit works from the command line")
	t.Parallel()
	broker, err := devkafka.Start(devkafka.Config{Topics: map[string]int32{"events": 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	brokers := strings.Join(broker.Addrs(), ",")
	file := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(file, []byte(jsonLine("1")+jsonLine("2")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		stderr, code := runEmitCommand(t, jsonLine("3"), "emit", "--topic", "events", "--brokers", brokers, "--compression", compression, file, "-")
		if code != 0 || !strings.Contains(stderr, "3 events written to events") {
			t.Errorf("%s: exit %d, %s", compression, code, stderr)
		}
	}
	var stored int64
	for _, p := range broker.Cluster().PartitionInfos("events") {
		stored += p.HighWatermark
	}
	if stored != 15 {
		t.Errorf("%d records in the topic, want 15", stored)
	}

	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no topic":          {args: []string{"emit", "--brokers", brokers, file}, code: exitUsage, want: "--topic is required"},
		"no file":           {args: []string{"emit", "--topic", "events", "--brokers", brokers}, code: exitUsage, want: "name a file"},
		"file not there":    {args: []string{"emit", "--topic", "events", "--brokers", brokers, file + "x"}, code: exitFindings, want: "no such file"},
		"topic not there":   {args: []string{"emit", "--topic", "nowhere", "--brokers", brokers, file}, code: exitFindings, want: "topic nowhere does not exist"},
		"bad compression":   {args: []string{"emit", "--topic", "events", "--brokers", brokers, "--compression", "rar", file}, code: exitUsage, want: `"rar": want none`},
		"bad brokers":       {args: []string{"emit", "--topic", "events", "--brokers", "nohost", file}, code: exitUsage, want: "BRIDGE_KAFKA_BROKERS"},
		"nobody listens":    {args: []string{"emit", "--topic", "events", "--brokers", "127.0.0.1:1", file}, code: exitFindings, want: "BRIDGE_KAFKA_BROKERS"},
		"malformed at last": {args: []string{"emit", "--topic", "events", "--brokers", brokers, file, "-"}, code: exitFindings, want: "standard input:2: "},
	} {
		stderr, code := runEmitCommand(t, jsonLine("3")+"{", tt.args...)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d, %s; want %d, %q", name, code, stderr, tt.code, tt.want)
		}
	}
}
