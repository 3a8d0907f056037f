package kafkatest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// ending is a test that notes how it was ended.
type ending struct {
	testing.TB
	how string
}

func (e *ending) Helper() {}

func (e *ending) Fatal(args ...any)                 { e.end("fatal: " + fmt.Sprint(args...)) }
func (e *ending) Fatalf(format string, args ...any) { e.end("fatal: " + fmt.Sprintf(format, args...)) }
func (e *ending) Skipf(format string, args ...any)  { e.end("skip: " + fmt.Sprintf(format, args...)) }

func (e *ending) end(how string) {
	e.how = how
	runtime.Goexit()
}

// ask returns what Address says, or how the test was ended.
func ask(l Listener) string {
	e := &ending{}
	done := make(chan string)
	go func() {
		said := ""
		defer func() { done <- said + e.how }()
		said = Address(e, l)
	}()
	return <-done
}

// A test that asks for a Kafka that there is not must not pass.
func TestAddress(t *testing.T) {
	t.Attr("guards", "a suite without a real Kafka says so, and is no pass in CI")
	for name, tt := range map[string]struct {
		file     string // the Plain fact; empty: there is no broker
		override string
		ci       string
		listener Listener
		want     string
	}{
		"the broker of make kafka": {file: "127.0.0.1:19102\n", listener: Plain, want: "127.0.0.1:19102"},
		"another":                  {file: "127.0.0.1:19102\n", override: "kafka:9092", listener: Plain, want: "kafka:9092"},
		"another without login":    {file: "127.0.0.1:19102\n", override: "kafka:9092", listener: SASL, want: "skip: SKIPPED, for want of a real Kafka: run make kafka"},
		"none":                     {listener: Plain, want: "skip: SKIPPED, for want of a real Kafka: run make kafka"},
		"none in CI":               {ci: "true", listener: Plain, want: "fatal: CI must test with a real Kafka: run make kafka"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			below := filepath.Join(root, "internal", "x")
			dir := filepath.Join(root, ".cache", "kafka")
			for _, d := range []string{below, dir} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			files := map[string]string{filepath.Join(root, "go.mod"): "module x\n"}
			if tt.file != "" {
				files[filepath.Join(dir, "address")] = tt.file
			}
			for path, text := range files {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(below)
			t.Setenv("BRIDGE_TEST_KAFKA", tt.override)
			t.Setenv("CI", tt.ci)
			if got := ask(tt.listener); got != tt.want {
				t.Errorf("Address: %q, want %q", got, tt.want)
			}
			if got, want := CAFile(t), filepath.Join(dir, "ca.pem"); got != want {
				t.Errorf("CAFile: %s, want %s", got, want)
			}
		})
	}
}

// The broker's script writes the files that are read here.
func TestListenersAreTold(t *testing.T) {
	t.Attr("guards", "the names that tests and make kafka have for the broker's addresses")
	t.Parallel()
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "kafka.sh"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("facts=(%s %s %s %s)", Plain, SASL, TLS, SASLTLS)
	if !strings.Contains(string(script), want) {
		t.Errorf("scripts/kafka.sh has no %s", want)
	}
}
