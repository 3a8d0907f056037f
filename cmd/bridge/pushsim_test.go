package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The command listens, says what a bridge needs, answers, and ends well with
// its context.
func TestPushsimServesUntilItIsTold(t *testing.T) {
	t.Attr("guards", "bridge pushsim")
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	cmd := newPushsimCmd()
	cmd.SetArgs([]string{"--addr", "127.0.0.1:0", "--users", "20", "--secret-key", "told-to-nobody"})
	cmd.SetErr(write)
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		_ = write.Close() // never fails
		ended <- err
	}()
	variables := make(map[string]string)
	lines := bufio.NewScanner(read)
	for len(variables) < 4 && lines.Scan() {
		if strings.Contains(lines.Text(), "told-to-nobody") {
			t.Errorf("the given key is told: %s", lines.Text())
		}
		if name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "="); ok {
			variables[name] = value
		}
	}
	if variables["BRIDGE_PUSH_SDKAPPID"] != "1400000000" || variables["BRIDGE_PUSH_IDENTIFIER"] != "administrator" {
		t.Errorf("the bridge is told %v", variables)
	}
	response, err := http.Get(variables["BRIDGE_PUSH_URL"] + "/sim/summary")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var summary struct{ Users int }
	if err := json.NewDecoder(response.Body).Decode(&summary); err != nil || summary.Users != 20 {
		t.Errorf("summary has %d users, want 20: %v", summary.Users, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// What the simulator prints is all that a bridge needs to call it.
func TestPushsimServesABridge(t *testing.T) {
	t.Attr("guards", "bridge pushsim beside bridge run, as the README says, over HTTP and HTTPS")
	t.Parallel()
	for name, flags := range map[string][]string{
		"http":  nil,
		"https": {"--tls", "--tls-ca-out", filepath.Join(t.TempDir(), "ca.pem"), "--quota-zone", "Asia/Shanghai"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := startBridge(t, nil, append([]string{"pushsim", "--addr", "127.0.0.1:0", "--users", "50"}, flags...)...)
			summary := sim.find(`^simulated push API: (\S+), 50 users; what it saw: (\S+)$`)[2]
			var env []string
			for _, variable := range []string{"BRIDGE_PUSH_URL", "BRIDGE_PUSH_SDKAPPID", "BRIDGE_PUSH_IDENTIFIER", "BRIDGE_PUSH_SECRET_KEY"} {
				env = append(env, sim.find("^export (" + variable + "=\\S+)$")[1])
			}
			if flags != nil {
				env = append(env, sim.find(`^export (SSL_CERT_FILE=\S+)$`)[1])
			}
			s := embeddedSite(t)
			i := s.run(env...)
			i.owns()
			s.emit(nil, happening("a1", "region.alert", "shanghai", "storm"))
			if end := s.ended("a1")["a1"]; end.disposition != "pushed" {
				t.Errorf("event a1 ended %+v", end)
			}
			i.stop()
			if flags == nil {
				if seen := get(t, summary); !strings.Contains(seen, `"tasks": 1,`) {
					t.Errorf("the simulator saw %s", seen)
				}
			}
			sim.signal(syscall.SIGINT)
			if code := sim.wait(); code != 0 {
				t.Errorf("pushsim: exit code %d after an interrupt", code)
			}
			sim.plain()
		})
	}
}

func TestPushsimRefusesBadFlags(t *testing.T) {
	t.Attr("guards", "bridge pushsim")
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"quota 0":        {[]string{"--quota", "0"}, "--quota: 0 would refuse"},
		"users negative": {[]string{"--users", "-1"}, "--users: -1 is negative"},
		"zone unknown":   {[]string{"--quota-zone", "Nowhere"}, "--quota-zone"},
		"CA without TLS": {[]string{"--tls-ca-out", "x"}, "no certificate without --tls"},
		"bad identifier": {[]string{"--identifier", "a b"}, "no user id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := newPushsimCmd()
			cmd.SetArgs(tt.args)
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			err := cmd.ExecuteContext(t.Context())
			usage, ok := errors.AsType[exitError](err)
			if !ok || usage.code != exitUsage || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want a usage error with %q", err, tt.want)
			}
		})
	}
}
