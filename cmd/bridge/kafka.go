package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"pushbridge/internal/config"
	"pushbridge/internal/consume"
)

// metadataTTL is how soon a leader that moved is found: fetching stands still
// that long.
const metadataTTL = time.Second

// dialFunc connects to a broker.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// newKafka returns the process's one transport and dialer. Extra topics are
// those that the environment does not name.
func newKafka(cfg config.Kafka, extra ...string) (*kafka.Transport, *kafka.Dialer, error) {
	return newKafkaOver((&net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}).DialContext, cfg, extra...)
}

// newKafkaOver is newKafka over the connections that raw makes.
func newKafkaOver(raw dialFunc, cfg config.Kafka, extra ...string) (*kafka.Transport, *kafka.Dialer, error) {
	mechanism, err := newSASL(cfg)
	if err != nil {
		return nil, nil, err
	}
	secure, err := newKafkaTLS(cfg)
	if err != nil {
		return nil, nil, err
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := raw(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &deadlineConn{Conn: conn, limit: cfg.Timeout}, nil
	}
	topics := slices.Concat(cfg.Topics, []string{cfg.ResultsTopic, cfg.DLQTopic, cfg.JournalTopic, cfg.ReplayTopic}, extra)
	topics = slices.DeleteFunc(topics, func(name string) bool { return name == "" })
	slices.Sort(topics)
	transport := &kafka.Transport{
		Dial: dial, DialTimeout: cfg.Timeout, MetadataTTL: metadataTTL, ClientID: "bridge", TLS: secure, SASL: mechanism,
		// Refreshed every second, so only ours and not a whole cluster's.
		MetadataTopics: slices.Compact(topics),
	}
	dialer := &kafka.Dialer{
		ClientID: "bridge", Timeout: cfg.Timeout, TLS: secure, SASLMechanism: mechanism, DialFunc: dial,
	}
	return transport, dialer, nil
}

// environWith is the environment, with the brokers of the command line if there are any.
func environWith(brokers string) []string {
	environ := os.Environ()
	if brokers != "" {
		environ = append(environ, config.Prefix+"KAFKA_BROKERS="+brokers)
	}
	return environ
}

// connect is newKafka for a command: it sees that Kafka answers, and that it has these
// inputs of the bridge.
func connect(ctx context.Context, cfg config.Kafka, stderr io.Writer, inputs ...string) (*kafka.Transport, error) {
	transport, dialer, err := newKafka(cfg)
	if err != nil {
		return nil, exitError{code: exitUsage, err: err}
	}
	transport.MetadataTopics = nil // topics are asked about one by one, and need not be there
	err = consume.Check(ctx, consume.CheckConfig{
		Brokers: cfg.Brokers, Transport: transport, Dialer: dialer, Inputs: inputs, Timeout: cfg.Timeout,
		Logger: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		transport.CloseIdleConnections()
		return nil, err
	}
	return transport, nil
}

// checkTopic says of an error about a topic that was typed what to do, where there is no
// such topic.
func checkTopic(err error, topic string) error {
	if errors.Is(err, consume.ErrNoTopic) {
		return fmt.Errorf("topic %s does not exist: check --topic, and BRIDGE_KAFKA_BROKERS or --brokers", topic)
	}
	return err
}

// checkKafka says what is wrong with the brokers, the login or the topics before
// anything is started, and creates the results, dead-letter and replay topics.
func (p *pipeline) checkKafka(ctx context.Context, dialer *kafka.Dialer) error {
	cfg := p.cfg.Kafka
	return consume.Check(ctx, consume.CheckConfig{
		Brokers: cfg.Brokers, Transport: p.kafka, Dialer: dialer,
		Inputs: cfg.Topics, Outputs: []string{cfg.ResultsTopic, cfg.DLQTopic}, Replays: cfg.ReplayTopic, Create: cfg.CreateTopics,
		Timeout: cfg.Timeout, Logger: p.log,
	})
}

// newSASL returns the login, nil for none.
func newSASL(cfg config.Kafka) (sasl.Mechanism, error) {
	var mechanism sasl.Mechanism
	var err error
	switch cfg.SASLMechanism {
	case "":
		return nil, nil
	case "PLAIN":
		mechanism = plain.Mechanism{Username: cfg.SASLUsername, Password: cfg.SASLPassword.Reveal()}
	case "SCRAM-SHA-256":
		mechanism, err = scram.Mechanism(scram.SHA256, cfg.SASLUsername, cfg.SASLPassword.Reveal())
	case "SCRAM-SHA-512":
		mechanism, err = scram.Mechanism(scram.SHA512, cfg.SASLUsername, cfg.SASLPassword.Reveal())
	default:
		return nil, fmt.Errorf("BRIDGE_KAFKA_SASL_MECHANISM is %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", cfg.SASLMechanism)
	}
	if err != nil {
		// The cause may quote the password.
		return nil, errors.New("prepare SCRAM login: BRIDGE_KAFKA_SASL_USERNAME or BRIDGE_KAFKA_SASL_PASSWORD has characters that SCRAM forbids")
	}
	return mechanism, nil
}

// newKafkaTLS returns the TLS settings, nil for none.
func newKafkaTLS(cfg config.Kafka) (*tls.Config, error) {
	if !cfg.TLSEnabled {
		return nil, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.TLSServerName}
	if cfg.TLSCAFile != "" {
		text, err := os.ReadFile(cfg.TLSCAFile)
		if err != nil {
			return nil, fmt.Errorf("read BRIDGE_KAFKA_TLS_CA_FILE: %w", unreadFile(cfg.TLSCAFile, "certificates", err))
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read BRIDGE_KAFKA_TLS_CA_FILE: %s: there is no certificate in PEM form in it; name the file that begins with -----BEGIN CERTIFICATE-----", cfg.TLSCAFile)
		}
	}
	if cfg.TLSCertFile != "" || cfg.TLSKeyFile != "" {
		pair, err := keyPair(cfg.TLSCertFile, cfg.TLSKeyFile)
		if err != nil {
			return nil, err
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return secure, nil
}

// keyPair reads a certificate and its key.
func keyPair(certFile, keyFile string) (tls.Certificate, error) {
	var none tls.Certificate
	files := []struct {
		variable, file, what, ending string
		text                         []byte
	}{
		{variable: "BRIDGE_KAFKA_TLS_CERT_FILE", file: certFile, what: "certificate", ending: "CERTIFICATE"},
		{variable: "BRIDGE_KAFKA_TLS_KEY_FILE", file: keyFile, what: "private key", ending: "PRIVATE KEY"},
	}
	for i := range files {
		f := &files[i]
		var err error
		if f.text, err = os.ReadFile(f.file); err != nil {
			return none, fmt.Errorf("read %s: %w", f.variable, unreadFile(f.file, f.what, err))
		}
	}
	for _, f := range files {
		found := false
		for block, rest := pem.Decode(f.text); block != nil && !found; block, rest = pem.Decode(rest) {
			if strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["Proc-Type"] != "" {
				return none, fmt.Errorf("read %s: %s: the key is encrypted: name one without a passphrase", f.variable, f.file)
			}
			found = strings.HasSuffix(block.Type, f.ending)
		}
		if !found {
			return none, fmt.Errorf("read %s: %s: there is no %s in PEM form in it; see that the files of certificate and key are not exchanged", f.variable, f.file, f.what)
		}
	}
	pair, err := tls.X509KeyPair(files[0].text, files[1].text)
	if err != nil {
		return none, fmt.Errorf("read BRIDGE_KAFKA_TLS_CERT_FILE %s and BRIDGE_KAFKA_TLS_KEY_FILE %s: they are no pair: %w", certFile, keyFile, err)
	}
	return pair, nil
}
