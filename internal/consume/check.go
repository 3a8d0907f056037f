package consume

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// CheckConfig is what Check looks at.
type CheckConfig struct {
	Brokers   []string
	Transport *kafka.Transport
	Dialer    *kafka.Dialer

	Inputs  []string // must exist, not compacted
	Outputs []string // results and dead letters; the journal looks after its own
	Replays string   // read and written; of one partition where it is created; empty: none
	Create  bool     // create outputs and Replays where they are missing

	Timeout time.Duration // of each step; 0: 5 s
	Logger  *slog.Logger
}

// Check says within seconds what keeps the bridge from working with this Kafka:
// brokers that do not answer, certificates, credentials, topics. Its errors name
// the variable to mend. It creates missing topics where it may.
//
// kafka-go itself would try for ever and say nothing.
func Check(ctx context.Context, cfg CheckConfig) error {
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if err := reach(ctx, cfg); err != nil {
		return err
	}
	c := topicCheck{CheckConfig: cfg, client: newClient(cfg.Brokers, cfg.Transport, cfg.Timeout)}
	return c.run(ctx)
}

// reach asks every broker for something, with login and all, and is content
// with one answer.
func reach(ctx context.Context, cfg CheckConfig) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	problems := make([]error, len(cfg.Brokers))
	var asking sync.WaitGroup
	for i, broker := range cfg.Brokers {
		asking.Go(func() {
			if err := ask(ctx, cfg.Dialer, broker); err != nil {
				problems[i] = fmt.Errorf("connect to kafka at %s: %w (%s)", broker, err, mend(err, cfg.Dialer))
			}
		})
	}
	asking.Wait()
	for _, err := range problems {
		if err == nil {
			return nil
		}
	}
	return errors.Join(problems...)
}

func ask(ctx context.Context, dialer *kafka.Dialer, broker string) error {
	conn, err := dialer.DialContext(ctx, "tcp", broker)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only asked, nothing is lost with it
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	// The first request that a broker answers only to who is logged in.
	_, err = conn.Brokers()
	return err
}

// mend says what a person does about a connection that failed.
func mend(err error, dialer *kafka.Dialer) string {
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	timeout, _ := errors.AsType[net.Error](err)
	login := dialer.SASLMechanism != nil
	switch {
	case plain:
		return "the broker does not speak TLS on this port: unset BRIDGE_KAFKA_TLS_ENABLED, or use the port that does"
	case name:
		return "set BRIDGE_KAFKA_TLS_SERVER_NAME to a name in the broker's certificate"
	case certificate || authority:
		return "set BRIDGE_KAFKA_TLS_CA_FILE to the authority that signed the broker's certificate"
	case alert:
		return "the broker refused our certificate: check BRIDGE_KAFKA_TLS_CERT_FILE and BRIDGE_KAFKA_TLS_KEY_FILE"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "the broker does not offer this login: check BRIDGE_KAFKA_SASL_MECHANISM"
	case errors.Is(err, kafka.SASLAuthenticationFailed) || login && closed:
		return "check BRIDGE_KAFKA_SASL_USERNAME, BRIDGE_KAFKA_SASL_PASSWORD and BRIDGE_KAFKA_SASL_MECHANISM"
	case closed || errors.Is(err, kafka.IllegalSASLState):
		return "the broker hung up: it may want a login, BRIDGE_KAFKA_SASL_MECHANISM, or TLS, BRIDGE_KAFKA_TLS_ENABLED"
	case timeout != nil && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded):
		return "nothing answers there: check BRIDGE_KAFKA_BROKERS and the network; a broker that wants TLS is silent too, BRIDGE_KAFKA_TLS_ENABLED"
	}
	return "check BRIDGE_KAFKA_BROKERS"
}
