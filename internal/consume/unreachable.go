package consume

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// UnreachableError is a broker that could not be spoken to, in the words of who set
// the variables.
type UnreachableError struct {
	Broker string
	What   string
	Do     string // names the variable to mend
	Err    error
}

// Error names the broker, what is wrong and the mend.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("connect to kafka at %s: %s; %s", e.Broker, e.What, e.Do)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// unreachable says why a broker cannot be spoken to, and what a person does about it.
func unreachable(err error, cfg CheckConfig) (what, do string) {
	if what, do, ok := insecure(err); ok {
		return what, do
	}
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
	timeout, _ := errors.AsType[net.Error](err)
	name, _ := errors.AsType[*net.DNSError](err)
	login := cfg.Dialer.SASLMechanism != nil
	switch {
	case name != nil && name.IsNotFound:
		return fmt.Sprintf("there is no host %s", name.Name), "mend its name in BRIDGE_KAFKA_BROKERS"
	case name != nil:
		return fmt.Sprintf("the name %s could not be looked up", name.Name), "see that this machine's DNS answers"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused, nothing listens there", "check BRIDGE_KAFKA_BROKERS, and that Kafka runs"
	case errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH):
		return "no network leads there", "check BRIDGE_KAFKA_BROKERS and the network"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "it does not offer this login", "check BRIDGE_KAFKA_SASL_MECHANISM"
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return "it refuses the login", "check BRIDGE_KAFKA_SASL_USERNAME, BRIDGE_KAFKA_SASL_PASSWORD and BRIDGE_KAFKA_SASL_MECHANISM"
	case login && closed:
		return "it hung up during the login", "check BRIDGE_KAFKA_SASL_USERNAME, BRIDGE_KAFKA_SASL_PASSWORD and BRIDGE_KAFKA_SASL_MECHANISM"
	case closed || errors.Is(err, kafka.IllegalSASLState):
		return "it hung up", "it may want a login, BRIDGE_KAFKA_SASL_MECHANISM, or TLS, BRIDGE_KAFKA_TLS_ENABLED"
	case timeout != nil && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("nothing answers there within %v", cfg.Timeout), "check BRIDGE_KAFKA_BROKERS and the network; a broker that wants TLS is silent too, BRIDGE_KAFKA_TLS_ENABLED"
	case errors.Is(err, io.ErrNoProgress):
		return "what answers there does not speak Kafka's protocol", "check BRIDGE_KAFKA_BROKERS: host and port of a broker"
	case errors.Is(err, context.Canceled):
		return "it was given up before it answered", "try again"
	}
	return fmt.Sprintf("it cannot be spoken to (%v)", err), "check BRIDGE_KAFKA_BROKERS"
}

// insecure says what is wrong with TLS, false where nothing is.
func insecure(err error) (what, do string, ok bool) {
	const authority = "set BRIDGE_KAFKA_TLS_CA_FILE to the authority that signed the broker's certificate"
	if _, is := errors.AsType[tls.RecordHeaderError](err); is {
		return "it does not speak TLS on this port", "unset BRIDGE_KAFKA_TLS_ENABLED, or use the port that does", true
	}
	if e, is := errors.AsType[x509.HostnameError](err); is {
		return fmt.Sprintf("its certificate is for %s, and not for %s", namesIn(e.Certificate), e.Host), "set BRIDGE_KAFKA_TLS_SERVER_NAME to a name in the broker's certificate", true
	}
	if e, is := errors.AsType[x509.CertificateInvalidError](err); is && e.Reason == x509.Expired {
		return "its certificate is not valid today", "renew it, or set this machine's clock", true
	}
	if _, is := errors.AsType[x509.UnknownAuthorityError](err); is {
		return "its certificate is signed by nobody that this machine trusts", authority, true
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "its certificate cannot be trusted", authority, true
	}
	if _, is := errors.AsType[tls.AlertError](err); is {
		return "it refuses our certificate, or wants one", "check BRIDGE_KAFKA_TLS_CERT_FILE and BRIDGE_KAFKA_TLS_KEY_FILE", true
	}
	return "", "", false
}

// namesIn are the names that a certificate is for.
func namesIn(c *x509.Certificate) string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host at all"
	}
	return strings.Join(names, ", ")
}

// addressIn is the address that the error is about, else the brokers'.
func addressIn(err error, brokers []string) string {
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Addr != nil {
		return e.Addr.String()
	}
	return strings.Join(brokers, ",")
}
