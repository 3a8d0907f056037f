package pushsim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"
)

// grace is how long Run lets requests end after its context has.
const grace = 5 * time.Second

// Run serves on ln until ctx is done, and returns when every request has
// ended, or after five seconds more. It closes ln.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // a stalled answer ends with ctx
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1) // one value, so that it can be left behind
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := server.Shutdown(limit)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		ended <- err
	})
	err := server.Serve(ln)
	if stop() { // Serve ended by itself
		return fmt.Errorf("serve the simulated API at %v: %w", ln.Addr(), err)
	}
	if err := <-ended; err != nil {
		return fmt.Errorf("end the requests to the simulated API: %w", err)
	}
	return nil
}

// SelfSigned makes a certificate for the hosts (names or addresses) that is its
// own authority, good from an hour ago for a year, and returns it with the PEM
// text that a client must trust. The key never leaves memory.
func SelfSigned(hosts ...string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "simulated push API"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate: %w", err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca, nil
}
