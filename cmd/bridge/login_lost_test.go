package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/config"
	"pushbridge/internal/devkafka"
)

// The transport asks for the cluster's layout in one goroutine, which logs in again
// when its connection ends. Were it to wait for ever, the layout would stay as it is,
// and fetches and the journal would go to leaders of before, without an error.
func TestLostLoginReplyToTransport(t *testing.T) {
	t.Attr("guards", "a login that Kafka does not answer does not stop the refresh of the cluster's layout")
	t.Parallel()
	eachLostReply(t, func(t *testing.T, k *lossyKafka) {
		transport, _, err := newKafkaOver(k.broker.Dial, k.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer transport.CloseIdleConnections()
		asked := k.hangUpThenLose()
		if _, err := transport.RoundTrip(t.Context(), kafka.TCP(k.cfg.Brokers...), new(metadata.Request)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-asked:
		case <-time.After(k.cfg.Timeout + 5*metadataTTL):
			t.Error("the layout is not asked for again")
		}
	})
}

// The membership and the check at the start connect by the dialer, neither of them
// with a deadline on the login.
func TestLostLoginReplyToDialer(t *testing.T) {
	t.Attr("guards", "a login that Kafka does not answer ends, for the group and for the check at the start, within the timeout")
	t.Parallel()
	eachLostReply(t, func(t *testing.T, k *lossyKafka) {
		_, dialer, err := newKafkaOver(k.broker.Dial, k.cfg)
		if err != nil {
			t.Fatal(err)
		}
		dial := func() <-chan error {
			ended := make(chan error, 1)
			go func() {
				conn, err := dialer.DialContext(context.Background(), "tcp", k.cfg.Brokers[0])
				if err == nil {
					err = conn.Close()
				}
				ended <- err
			}()
			return ended
		}
		k.lose()
		select {
		case err := <-dial():
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the login ended with %v, want a deadline", err)
			}
		case <-time.After(k.cfg.Timeout + time.Second):
			t.Fatal("the login does not end")
		}
		if err := <-dial(); err != nil {
			t.Errorf("the next login: %v", err)
		}
	})
}

// lossyKafka is a broker that wants a login, and loses a reply of one when told to.
type lossyKafka struct {
	broker *devkafka.Broker
	cfg    config.Kafka
	reply  int // of a login, which is lost: 1 is the handshake's
	step   int // of the present login
	losing bool
}

// eachLostReply runs f in a bubble for every reply of every kind of login.
func eachLostReply(t *testing.T, f func(*testing.T, *lossyKafka)) {
	for name, tt := range map[string]struct {
		mechanism string
		reply     int
		secure    bool
	}{
		"plain, handshake":          {mechanism: "PLAIN", reply: 1},
		"plain, password":           {mechanism: "PLAIN", reply: 2},
		"scram, handshake":          {mechanism: "SCRAM-SHA-256", reply: 1},
		"scram, first":              {mechanism: "SCRAM-SHA-256", reply: 2},
		"scram, final":              {mechanism: "SCRAM-SHA-512", reply: 3},
		"plain over tls, handshake": {mechanism: "PLAIN", reply: 1, secure: true},
		"scram over tls, final":     {mechanism: "SCRAM-SHA-512", reply: 3, secure: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := &lossyKafka{reply: tt.reply, cfg: config.Kafka{
					Topics: []string{"events"}, Timeout: 5 * time.Second,
					SASLMechanism: tt.mechanism, SASLUsername: "alice", SASLPassword: config.NewSecret("alice-secret"),
				}}
				serve := devkafka.Config{
					Topics: map[string]int32{"events": 1},
					Users:  []devkafka.User{{Mechanism: tt.mechanism, Name: "alice", Password: "alice-secret"}},
				}
				if tt.secure {
					k.cfg.TLSEnabled = true
					serve.TLS, k.cfg.TLSCAFile = certifyLocalhost(t)
				}
				broker, err := devkafka.StartVirtual(serve)
				if err != nil {
					t.Fatal(err)
				}
				defer broker.Close()
				k.broker, k.cfg.Brokers = broker, broker.Addrs()
				f(t, k)
			})
		})
	}
}

// lose swallows the reply of the first login. The connection stays.
func (k *lossyKafka) lose() {
	k.losing = true
	k.control(func() error { return nil })
}

// hangUpThenLose answers one request for the layout, hangs up on the next, and
// swallows the reply of the login that follows. The channel closes when the layout is
// asked for after that.
func (k *lossyKafka) hangUpThenLose() <-chan struct{} {
	asked := make(chan struct{})
	times := 0
	k.control(func() error {
		switch times++; times {
		case 2:
			k.step, k.losing = 0, true
			return errors.New("hang up")
		case 3:
			close(asked)
		}
		return nil
	})
	return asked
}

// control calls layout for each request for the layout, and hangs up where it says so.
// The cluster calls it for one request at a time.
func (k *lossyKafka) control(layout func() error) {
	cluster := k.broker.Cluster()
	cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		switch r.(type) {
		case *kmsg.MetadataRequest:
			err := layout()
			return nil, err, err != nil
		case *kmsg.SASLHandshakeRequest, *kmsg.SASLAuthenticateRequest:
			k.step++
			if k.losing && k.step == k.reply {
				k.losing = false
				return nil, nil, true
			}
		}
		return nil, nil, false
	})
}

// certifyLocalhost returns what a broker on localhost serves, and the file with the
// authority of that.
func certifyLocalhost(t *testing.T) (server *tls.Config, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		// A pipe has no buffer: a ticket would wait for the client to read while the
		// client writes.
		SessionTicketsDisabled: true,
	}, caFile
}
