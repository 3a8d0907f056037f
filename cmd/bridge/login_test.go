package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pushbridge/internal/kafkatest"
)

// Every way into a Kafka that the environment can say, from start to result.
func TestLoginToKafka(t *testing.T) {
	t.Attr("guards", "BRIDGE_KAFKA_SASL_* and BRIDGE_KAFKA_TLS_*, as users set them")
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("alice-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	alice := []string{"BRIDGE_KAFKA_SASL_USERNAME=alice", "BRIDGE_KAFKA_SASL_PASSWORD_FILE=" + secret}
	secure := []string{"BRIDGE_KAFKA_TLS_ENABLED=true", "BRIDGE_KAFKA_TLS_CA_FILE=" + kafkatest.CAFile(t)}
	for name, tt := range map[string]struct {
		listener kafkatest.Listener
		env      [][]string
	}{
		"plain":              {kafkatest.SASL, [][]string{alice, {"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN"}}},
		"tls":                {kafkatest.TLS, [][]string{secure}},
		"scram 256 over tls": {kafkatest.SASLTLS, [][]string{alice, secure, {"BRIDGE_KAFKA_SASL_MECHANISM=SCRAM-SHA-256"}}},
		"scram 512 over tls": {kafkatest.SASLTLS, [][]string{alice, secure, {"BRIDGE_KAFKA_SASL_MECHANISM=SCRAM-SHA-512"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kafkatest.Address(t, kafkatest.Plain))
			env := []string{"BRIDGE_KAFKA_BROKERS=" + kafkatest.Address(t, tt.listener)}
			for _, more := range tt.env {
				env = append(env, more...)
			}
			i := s.run(env...)
			i.owns()
			emit := startBridge(t, env, "emit", "--topic", s.topic("events"), s.file("events.jsonl", happening("a1", "region.alert", "oslo", "storm")))
			if code := emit.wait(); code != 0 {
				t.Fatalf("bridge emit: exit code %d", code)
			}
			if end := s.ended("a1")["a1"]; end.disposition != "pushed" {
				t.Errorf("event a1 ended %+v", end)
			}
			i.stop()
			s.wantCommitted()
		})
	}
}

func TestLoginIsRefusedAtOnce(t *testing.T) {
	t.Attr("guards", "bad credentials and a wrong port are told at once, with the variable and without the secret")
	t.Parallel()
	for name, tt := range map[string]struct {
		listener kafkatest.Listener
		env      []string
		want     string
	}{
		"bad password": {
			listener: kafkatest.SASL,
			env:      []string{"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN", "BRIDGE_KAFKA_SASL_USERNAME=alice", "BRIDGE_KAFKA_SASL_PASSWORD=hunter2"},
			want:     "BRIDGE_KAFKA_SASL_PASSWORD",
		},
		"a certificate that nobody signed": {
			listener: kafkatest.TLS, env: []string{"BRIDGE_KAFKA_TLS_ENABLED=true"}, want: "BRIDGE_KAFKA_TLS_CA_FILE",
		},
		"tls to a plain port": {
			listener: kafkatest.Plain, env: []string{"BRIDGE_KAFKA_TLS_ENABLED=true", "BRIDGE_KAFKA_TIMEOUT=2s"}, want: "BRIDGE_KAFKA_TLS_ENABLED",
		},
		"no login where one is wanted": {
			listener: kafkatest.SASL, env: []string{"BRIDGE_KAFKA_TIMEOUT=2s"}, want: "BRIDGE_KAFKA_SASL_MECHANISM",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kafkatest.Address(t, kafkatest.Plain))
			p := startBridge(t, s.env(append(tt.env, "BRIDGE_KAFKA_BROKERS="+kafkatest.Address(t, tt.listener))...), "run")
			if code := p.wait(); code != exitFindings {
				t.Errorf("exit code %d, want %d", code, exitFindings)
			}
			if said := p.stderr(); !strings.Contains(said, tt.want) || strings.Contains(said, "hunter2") {
				t.Errorf("want %s and no secret:\n%s", tt.want, said)
			}
		})
	}
}

// file writes lines into a file of the test's own.
func (s *site) file(name string, lines ...string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
