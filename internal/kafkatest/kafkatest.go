// Package kafkatest says where tests find a real Apache Kafka.
//
// It starts none and never waits for one: `make kafka` does, and writes what it
// started into .cache/kafka, one fact a file. Only tests import it, and each
// test owns the topics and groups that it makes there.
package kafkatest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Listener is one of the broker's addresses. Its value is the name of the file
// that tells it (scripts/kafka.sh).
type Listener string

// The broker's listeners. Those with SASL know one user, alice, whose password
// is alice-secret, by PLAIN and SCRAM.
const (
	Plain   Listener = "address"
	SASL    Listener = "sasl_address"
	TLS     Listener = "ssl_address"
	SASLTLS Listener = "sasl_ssl_address"
)

// override is the variable with the Plain address of another broker than that
// of `make kafka`.
const override = "BRIDGE_TEST_KAFKA"

// Address returns host:port of a listener. Where there is no broker the test is
// Missing it.
func Address(t testing.TB, l Listener) string {
	t.Helper()
	if addr := os.Getenv(override); addr != "" && l == Plain {
		return addr
	}
	dir, err := facts()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, string(l)))
	if err != nil {
		Missing(t, "a real Kafka: run make kafka")
	}
	return strings.TrimSpace(string(text))
}

// CAFile returns the path of the certificate that the TLS listeners' is signed
// with. The file is there if the broker is: ask for the Address first.
func CAFile(t testing.TB) string {
	t.Helper()
	dir, err := facts()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "ca.pem")
}

// Missing ends a test for want of what it needs: it is skipped, and says so, but
// fails where CI=true, since there the suite must be whole.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI must test with %s", what)
	}
	t.Skipf("SKIPPED, for want of %s", what)
}

// facts returns the directory of what `make kafka` tells, in the module that the
// test belongs to.
func facts() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".cache", "kafka"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the module: no go.mod in or above %s", start)
		}
	}
}
