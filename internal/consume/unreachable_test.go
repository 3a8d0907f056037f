package consume

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
)

// The library's words for what fails are of its own making; who set the variables
// reads what is wrong with which broker, and which variable to mend.
func TestUnreachableIsToldInWords(t *testing.T) {
	t.Attr("guards", "a Kafka that cannot be spoken to is told with broker, reason and variable")
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	login := &kafka.Dialer{SASLMechanism: plain.Mechanism{}}
	for name, tt := range map[string]struct {
		err    error
		dialer *kafka.Dialer
		want   string
	}{
		"refused":        {err: dial(syscall.ECONNREFUSED), want: "the connection is refused, nothing listens there; check BRIDGE_KAFKA_BROKERS, and that Kafka runs"},
		"no network":     {err: dial(syscall.EHOSTUNREACH), want: "no network leads there; check BRIDGE_KAFKA_BROKERS and the network"},
		"no such host":   {err: dial(&net.DNSError{Err: "no such host", Name: "kafak", IsNotFound: true}), want: "there is no host kafak; mend its name in BRIDGE_KAFKA_BROKERS"},
		"no DNS":         {err: dial(&net.DNSError{Err: "server misbehaving", Name: "kafka"}), want: "the name kafka could not be looked up; see that this machine's DNS answers"},
		"silent":         {err: context.DeadlineExceeded, want: "nothing answers there within 2s; check BRIDGE_KAFKA_BROKERS and the network; a broker that wants TLS is silent too, BRIDGE_KAFKA_TLS_ENABLED"},
		"hung up":        {err: io.EOF, want: "it hung up; it may want a login, BRIDGE_KAFKA_SASL_MECHANISM, or TLS, BRIDGE_KAFKA_TLS_ENABLED"},
		"reset":          {err: dial(syscall.ECONNRESET), want: "it hung up; it may want a login, BRIDGE_KAFKA_SASL_MECHANISM, or TLS, BRIDGE_KAFKA_TLS_ENABLED"},
		"hung up, login": {err: io.EOF, dialer: login, want: "it hung up during the login; check BRIDGE_KAFKA_SASL_USERNAME, BRIDGE_KAFKA_SASL_PASSWORD and BRIDGE_KAFKA_SASL_MECHANISM"},
		"wrong login":    {err: kafka.SASLAuthenticationFailed, dialer: login, want: "it refuses the login; check BRIDGE_KAFKA_SASL_USERNAME, BRIDGE_KAFKA_SASL_PASSWORD and BRIDGE_KAFKA_SASL_MECHANISM"},
		"other login":    {err: kafka.UnsupportedSASLMechanism, dialer: login, want: "it does not offer this login; check BRIDGE_KAFKA_SASL_MECHANISM"},
		"plain port":     {err: tls.RecordHeaderError{}, want: "it does not speak TLS on this port; unset BRIDGE_KAFKA_TLS_ENABLED, or use the port that does"},
		"unknown signer": {err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, want: "its certificate is signed by nobody that this machine trusts; set BRIDGE_KAFKA_TLS_CA_FILE to the authority that signed the broker's certificate"},
		"expired":        {err: x509.CertificateInvalidError{Reason: x509.Expired}, want: "its certificate is not valid today; renew it, or set this machine's clock"},
		"other name": {
			err:  x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"kafka.example", "k2.example"}}, Host: "127.0.0.1"},
			want: "its certificate is for kafka.example, k2.example, and not for 127.0.0.1; set BRIDGE_KAFKA_TLS_SERVER_NAME to a name in the broker's certificate",
		},
		"no kafka": {err: io.ErrNoProgress, want: "what answers there does not speak Kafka's protocol; check BRIDGE_KAFKA_BROKERS: host and port of a broker"},
		"unknown":  {err: errors.New("gone fishing"), want: "it cannot be spoken to (dial: gone fishing); check BRIDGE_KAFKA_BROKERS"},
	} {
		dialer := tt.dialer
		if dialer == nil {
			dialer = &kafka.Dialer{}
		}
		wrapped := fmt.Errorf("dial: %w", tt.err)
		what, do := unreachable(wrapped, CheckConfig{Dialer: dialer, Timeout: 2 * time.Second})
		e := &UnreachableError{Broker: "b:9092", What: what, Do: do, Err: wrapped}
		if got, want := e.Error(), "connect to kafka at b:9092: "+tt.want; got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		if !errors.Is(e, tt.err) {
			t.Errorf("%s: the cause is gone", name)
		}
	}
}

// A broker that was named answers, and says an address that does not lead to it.
func TestAnAdvertisedAddressIsTold(t *testing.T) {
	t.Attr("guards", "a Kafka that cannot be spoken to is told with broker, reason and variable")
	t.Parallel()
	c := topicCheck{CheckConfig: CheckConfig{Dialer: &kafka.Dialer{}}}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 9092}, Err: syscall.ECONNREFUSED}
	got := c.elsewhere(fmt.Errorf("kafka: %w", refused))
	want := "connect to kafka at 10.0.0.7:9092: the connection is refused, nothing listens there; " +
		"brokers say that this is an address of theirs (advertised.listeners): it must be reachable from here"
	if got.Error() != want || !errors.Is(got, syscall.ECONNREFUSED) {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	if got := c.elsewhere(kafka.TopicAuthorizationFailed); !errors.Is(got, kafka.TopicAuthorizationFailed) || got.Error() != kafka.TopicAuthorizationFailed.Error() {
		t.Errorf("an answer became %v", got)
	}
}
