package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pushbridge/internal/config"
	"pushbridge/internal/devkafka"
)

func TestNewKafka(t *testing.T) {
	t.Attr("guards", "one transport and one dialer, with the same login")
	t.Parallel()
	cfg := config.Kafka{
		Topics: []string{"events", "results"}, ResultsTopic: "results", DLQTopic: "dlq", Timeout: 3 * time.Second,
		SASLMechanism: "SCRAM-SHA-512", SASLUsername: "alice", SASLPassword: config.NewSecret("alice-secret"),
		TLSEnabled: true, TLSServerName: "kafka.example",
	}
	transport, dialer, err := newKafka(cfg, "more")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := transport.MetadataTopics, []string{"dlq", "events", "more", "results"}; !slices.Equal(got, want) {
		t.Errorf("metadata of %v, want %v", got, want)
	}
	if transport.SASL != dialer.SASLMechanism || transport.SASL.Name() != "SCRAM-SHA-512" {
		t.Error("transport and dialer log in differently")
	}
	if transport.TLS != dialer.TLS || transport.TLS.ServerName != "kafka.example" || transport.TLS.MinVersion == 0 {
		t.Error("transport and dialer speak TLS differently")
	}
	if transport.MetadataTTL != time.Second || dialer.Timeout != cfg.Timeout || transport.DialTimeout != cfg.Timeout {
		t.Error("timeouts are not those of the configuration")
	}
}

func TestNewKafkaRefuses(t *testing.T) {
	t.Attr("guards", "errors of the configuration name the variable and no secret")
	t.Parallel()
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	block := func(kind, header string) string {
		return "-----BEGIN " + kind + "-----\n" + header + "MAA=\n-----END " + kind + "-----\n"
	}
	empty, cert := file("ca.pem", "no certificate"), file("cert.pem", block("CERTIFICATE", ""))
	encrypted, older := file("key.pem", block("ENCRYPTED PRIVATE KEY", "")), file("old.pem", block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\n"))
	for name, tt := range map[string]struct {
		cfg     config.Kafka
		wantErr string
	}{
		"mechanism":            {config.Kafka{SASLMechanism: "KERBEROS"}, "BRIDGE_KAFKA_SASL_MECHANISM"},
		"password":             {config.Kafka{SASLMechanism: "SCRAM-SHA-256", SASLUsername: "alice", SASLPassword: config.NewSecret("secret\x00")}, "BRIDGE_KAFKA_SASL_PASSWORD"},
		"no CA file":           {config.Kafka{TLSEnabled: true, TLSCAFile: empty + "x"}, "BRIDGE_KAFKA_TLS_CA_FILE"},
		"CA file":              {config.Kafka{TLSEnabled: true, TLSCAFile: empty}, "no certificate in PEM form"},
		"no key file":          {config.Kafka{TLSEnabled: true, TLSCertFile: empty}, "BRIDGE_KAFKA_TLS_KEY_FILE"},
		"wrong key":            {config.Kafka{TLSEnabled: true, TLSCertFile: empty, TLSKeyFile: empty}, "BRIDGE_KAFKA_TLS_CERT_FILE"},
		"encrypted":            {config.Kafka{TLSEnabled: true, TLSCertFile: cert, TLSKeyFile: encrypted}, "key.pem: the key is encrypted"},
		"encrypted, of before": {config.Kafka{TLSEnabled: true, TLSCertFile: cert, TLSKeyFile: older}, "old.pem: the key is encrypted"},
	} {
		_, _, err := newKafka(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.wantErr) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q and no secret", name, err, tt.wantErr)
		}
	}
}

func TestCheckKafka(t *testing.T) {
	t.Attr("guards", "bad credentials are an error within seconds")
	t.Parallel()
	broker, err := devkafka.Start(devkafka.Config{
		Topics: map[string]int32{"events": 1},
		Users:  []devkafka.User{{Mechanism: "SCRAM-SHA-256", Name: "alice", Password: "alice-secret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for password, wantErr := range map[string]string{"alice-secret": "", "bad-secret": "BRIDGE_KAFKA_SASL_PASSWORD"} {
		cfg := config.Kafka{
			Brokers: broker.Addrs(), Topics: []string{"events"}, ResultsTopic: "results", DLQTopic: "dlq", CreateTopics: true, Timeout: 5 * time.Second,
			SASLMechanism: "SCRAM-SHA-256", SASLUsername: "alice", SASLPassword: config.NewSecret(password),
		}
		transport, dialer, err := newKafka(cfg)
		if err != nil {
			t.Fatal(err)
		}
		p := &pipeline{cfg: config.Config{Kafka: cfg}, kafka: transport, log: slog.New(slog.DiscardHandler)}
		err = p.checkKafka(ctx, dialer)
		transport.CloseIdleConnections()
		if (err == nil) != (wantErr == "") || err != nil && (!strings.Contains(err.Error(), wantErr) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("password %s: %v, want %q", password, err, wantErr)
		}
	}
	if broker.Cluster().TopicInfo("results") == nil || broker.Cluster().TopicInfo("dlq") == nil {
		t.Error("the topics were not created")
	}
}

// A read that nobody gave a deadline ends by ours, and so do those that follow it; the
// library's own counts where it set one. Rest ends nothing.
func TestDeadlineConn(t *testing.T) {
	t.Attr("guards", "one lost answer stops nothing for ever")
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		const limit = 30 * time.Second
		conn := &deadlineConn{Conn: near, limit: limit}
		read := func() time.Duration {
			start := time.Now()
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("read something")
			}
			return time.Since(start)
		}
		if got := read(); got != limit {
			t.Errorf("without a deadline the read took %v, want %v", got, limit)
		}
		if got := read(); got != 0 {
			t.Errorf("after one that ended the read took %v, want none", got)
		}
		for name, set := range map[string]func(time.Time) error{"both": conn.SetDeadline, "read": conn.SetReadDeadline} {
			if err := set(time.Now().Add(90 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if got := read(); got != 90*time.Second {
				t.Errorf("%s: with a deadline the read took %v, want 1m30s", name, got)
			}
			if err := set(time.Time{}); err != nil {
				t.Fatal(err)
			}
			if got := read(); got != limit {
				t.Errorf("%s: without a deadline again the read took %v, want %v", name, got, limit)
			}
		}
		if err := conn.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			<-time.After(2 * limit)
			go func() { _, _ = far.Write([]byte("x")) }() // the read says if it came
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Errorf("after a rest: %v", err)
			}
		}
	})
}
