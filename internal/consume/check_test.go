package consume_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
)

// check runs Check against brokers of the bubble.
func check(t *testing.T, b *devkafka.Broker, mechanism sasl.Mechanism, secure *tls.Config, change func(*consume.CheckConfig)) error {
	t.Helper()
	transport := &kafka.Transport{Dial: b.Dial, DialTimeout: requestTimeout, MetadataTTL: time.Second, SASL: mechanism, TLS: secure}
	defer transport.CloseIdleConnections()
	cfg := consume.CheckConfig{
		Brokers: b.Addrs(), Transport: transport,
		Dialer: &kafka.Dialer{DialFunc: b.Dial, Timeout: requestTimeout, SASLMechanism: mechanism, TLS: secure},
		Inputs: []string{"events"}, Outputs: []string{"results", "dlq"}, Create: true, Timeout: requestTimeout,
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	err := consume.Check(ctx, cfg)
	if ctx.Err() != nil {
		t.Error("Check took more than 15 s")
	}
	return err
}

func wantErr(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Check: %v; want %q in it", err, part)
		}
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("Check: %v; the password is in it", err)
	}
}

func scramOf(t *testing.T, algorithm scram.Algorithm, password string) sasl.Mechanism {
	t.Helper()
	m, err := scram.Mechanism(algorithm, "alice", password)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCheckLogin(t *testing.T) {
	t.Attr("guards", "bad credentials are an error within seconds")
	users := []devkafka.User{
		{Mechanism: "PLAIN", Name: "alice", Password: "alice-secret"},
		{Mechanism: "SCRAM-SHA-256", Name: "alice", Password: "alice-secret"},
		{Mechanism: "SCRAM-SHA-512", Name: "alice", Password: "alice-secret"},
	}
	const credentials = "BRIDGE_KAFKA_SASL_PASSWORD"
	for name, tt := range map[string]struct {
		mechanism func(*testing.T) sasl.Mechanism
		wantErr   string
	}{
		"PLAIN":             {mechanism: func(*testing.T) sasl.Mechanism { return plain.Mechanism{Username: "alice", Password: "alice-secret"} }},
		"SCRAM-SHA-256":     {mechanism: func(t *testing.T) sasl.Mechanism { return scramOf(t, scram.SHA256, "alice-secret") }},
		"SCRAM-SHA-512":     {mechanism: func(t *testing.T) sasl.Mechanism { return scramOf(t, scram.SHA512, "alice-secret") }},
		"PLAIN, wrong":      {mechanism: func(*testing.T) sasl.Mechanism { return plain.Mechanism{Username: "alice", Password: "bad-secret"} }, wantErr: credentials},
		"PLAIN, wrong user": {mechanism: func(*testing.T) sasl.Mechanism { return plain.Mechanism{Username: "bob", Password: "bad-secret"} }, wantErr: credentials},
		"SCRAM-256, wrong":  {mechanism: func(t *testing.T) sasl.Mechanism { return scramOf(t, scram.SHA256, "bad-secret") }, wantErr: credentials},
		"SCRAM-512, wrong":  {mechanism: func(t *testing.T) sasl.Mechanism { return scramOf(t, scram.SHA512, "bad-secret") }, wantErr: credentials},
		"none":              {mechanism: func(*testing.T) sasl.Mechanism { return nil }, wantErr: "BRIDGE_KAFKA_SASL_MECHANISM"},
		"one nobody offers": {mechanism: func(*testing.T) sasl.Mechanism { return strange{} }, wantErr: "BRIDGE_KAFKA_SASL_MECHANISM"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}, Users: users}, func(t *testing.T, k *kit) {
				err := check(t, k.broker, tt.mechanism(t), nil, nil)
				if tt.wantErr == "" {
					if err != nil {
						t.Errorf("Check: %v", err)
					}
					return
				}
				wantErr(t, err, tt.wantErr)
			})
		})
	}
}

// strange is a login that no broker has.
type strange struct{ plain.Mechanism }

func (strange) Name() string { return "STRANGE" }

func TestCheckTLS(t *testing.T) {
	t.Attr("guards", "a wrong certificate or port is an error within seconds")
	certificate := certify(t)
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate.Leaf)
	server := &tls.Config{Certificates: []tls.Certificate{certificate}}
	for name, tt := range map[string]struct {
		server, client *tls.Config
		wantErr        string
	}{
		"trusted":           {server: server, client: &tls.Config{RootCAs: trusted}},
		"another name":      {server: server, client: &tls.Config{RootCAs: trusted, ServerName: "kafka.example"}, wantErr: "BRIDGE_KAFKA_TLS_SERVER_NAME"},
		"unknown authority": {server: server, client: &tls.Config{RootCAs: x509.NewCertPool()}, wantErr: "BRIDGE_KAFKA_TLS_CA_FILE"},
		"only the broker":   {server: server, wantErr: "BRIDGE_KAFKA_TLS_ENABLED"},
		"only the client":   {client: &tls.Config{RootCAs: trusted}, wantErr: "BRIDGE_KAFKA_TLS_ENABLED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Real sockets: a refused handshake is told by an alert, which a pipe
			// without a buffer never gets rid of.
			b, err := devkafka.Start(devkafka.Config{Topics: map[string]int32{"events": 1}, TLS: tt.server})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			err = check(t, b, nil, tt.client, nil)
			if tt.wantErr == "" {
				if err != nil {
					t.Errorf("Check: %v", err)
				}
				return
			}
			wantErr(t, err, tt.wantErr)
		})
	}
}

func certify(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestCheckBrokers(t *testing.T) {
	t.Attr("guards", "unreachable brokers are an error within seconds")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 1}}, func(t *testing.T, k *kit) {
		err := check(t, k.broker, nil, nil, func(c *consume.CheckConfig) { c.Brokers = []string{"localhost:1", "localhost:2"} })
		wantErr(t, err, "localhost:1", "localhost:2", "BRIDGE_KAFKA_BROKERS")

		// One of several may be down.
		if err := check(t, k.broker, nil, nil, func(c *consume.CheckConfig) { c.Brokers = append([]string{"localhost:1"}, c.Brokers...) }); err != nil {
			t.Errorf("one broker of two is there: %v", err)
		}

		silent := func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				buf := make([]byte, 1024)
				for {
					if _, err := far.Read(buf); err != nil {
						return
					}
				}
			}()
			return near, nil
		}
		err = check(t, k.broker, nil, nil, func(c *consume.CheckConfig) { c.Dialer.DialFunc = silent })
		wantErr(t, err, "nothing answers", "BRIDGE_KAFKA_BROKERS")
	})
}

func TestCheckTopics(t *testing.T) {
	t.Attr("guards", "topics that cannot work are an error at the start")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 2}}, func(t *testing.T, k *kit) {
		for name, settings := range map[string]map[string]string{
			"compacted": {"cleanup.policy": "compact"},
			"both":      {"cleanup.policy": "compact,delete"},
		} {
			if err := k.broker.CreateTopic(name, 1, settings); err != nil {
				t.Fatal(err)
			}
		}
		inputs := func(names ...string) func(*consume.CheckConfig) {
			return func(c *consume.CheckConfig) { c.Inputs = names }
		}
		wantErr(t, check(t, k.broker, nil, nil, inputs("events", "none", "nowhere")),
			"topic none does not exist", "topic nowhere does not exist", "BRIDGE_KAFKA_TOPICS")
		wantErr(t, check(t, k.broker, nil, nil, inputs("events", "compacted", "both")),
			"topic compacted has cleanup.policy=compact", "topic both has cleanup.policy=compact,delete")
		if info := k.broker.Cluster().TopicInfo("none"); info != nil {
			t.Error("looking at a topic created it")
		}
	})
}

func TestCheckCreatesOutputs(t *testing.T) {
	t.Attr("guards", "missing topics are created only where that is allowed")
	bubble(t, devkafka.Config{Brokers: 3, Topics: map[string]int32{"events": 2}}, func(t *testing.T, k *kit) {
		wantErr(t, check(t, k.broker, nil, nil, func(c *consume.CheckConfig) { c.Create = false }),
			"topic results does not exist", "topic dlq does not exist", "BRIDGE_KAFKA_CREATE_TOPICS")
		for range 2 { // and again, when they are there
			if err := check(t, k.broker, nil, nil, nil); err != nil {
				t.Errorf("Check: %v", err)
			}
		}
		for _, name := range []string{"results", "dlq"} {
			if info := k.broker.Cluster().TopicInfo(name); info == nil {
				t.Errorf("topic %s was not created", name)
			}
		}
		k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed})
		wantErr(t, check(t, k.broker, nil, nil, func(c *consume.CheckConfig) { c.Outputs = []string{"forbidden"} }),
			"create topic forbidden", "by hand")
	})
}

// Describing settings is a right of its own, which reading does not need.
func TestCheckWithoutTheRightToDescribe(t *testing.T) {
	t.Attr("guards", "the bridge runs with the least rights")
	bubble(t, devkafka.Config{Topics: map[string]int32{"events": 2}}, func(t *testing.T, k *kit) {
		k.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: kerr.TopicAuthorizationFailed})
		var log logBuffer
		err := check(t, k.broker, nil, nil, func(c *consume.CheckConfig) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		if err != nil {
			t.Errorf("Check: %v", err)
		}
		if log.count("must not be compacted") != 1 {
			t.Error("that the settings are not known is not said")
		}
	})
}
