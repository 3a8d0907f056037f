//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const rules = `version: 1
rules:
  - name: member-promo
    match: {type: member.promo}
    audience: {tags_any: "${data.tiers}"}
    message: [{text: "${data.title}: ${data.summary}"}]
    delivery: {max_delay: 2h, expire_after: 48h}
`

// lookEvery is how often the bridge is asked how far it is.
const lookEvery = 100 * time.Millisecond

// line is what is read of the bridge's log.
type line struct {
	Time    time.Time `json:"time"`
	Msg     string    `json:"msg"`
	HTTP    string    `json:"http"`
	State   string    `json:"state"`
	Records int       `json:"records"`
	Calls   int       `json:"calls"`
	Seen    int       `json:"seen"`
}

// measure starts the bridge and prints what its recovery took.
func (w *world) measure(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	cmd := exec.CommandContext(ctx, w.bridge, "run")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "GOMEMLIMIT=" + w.memory, "GOMAXPROCS=2",
		"BRIDGE_KAFKA_BROKERS=" + w.brokers, "BRIDGE_KAFKA_TOPICS=" + w.input(), "BRIDGE_KAFKA_GROUP=" + w.name,
		"BRIDGE_KAFKA_RESULTS_TOPIC=" + w.name + ".results", "BRIDGE_KAFKA_DLQ_TOPIC=" + w.name + ".dlq", "BRIDGE_KAFKA_JOURNAL_TOPIC=" + w.journal(), "BRIDGE_KAFKA_REPLAY_TOPIC=" + w.name + ".replay",
		fmt.Sprintf("BRIDGE_PUSH_SDKAPPID=%d", app), "BRIDGE_PUSH_IDENTIFIER=administrator", "BRIDGE_PUSH_SECRET_KEY=opens-nothing",
		"BRIDGE_PUSH_URL=http://127.0.0.1:9", "BRIDGE_PUSH_QUOTA=" + strconv.Itoa(w.calls), "BRIDGE_RULES_FILE=" + file, "BRIDGE_HTTP_ADDR=127.0.0.1:0",
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("start the bridge: %w", err)
	}
	lines := make(chan line, 100)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the bridge: %w", err)
	}
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			var l line
			if json.Unmarshal(s.Bytes(), &l) == nil {
				lines <- l
			}
		}
	}()
	r, err := w.follow(ctx, lines)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	for range lines { // until it has ended
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("bridge run: %w", err)
	}
	peak := int64(0)
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = u.Maxrss << 10
		if runtime.GOOS == "darwin" {
			peak = u.Maxrss
		}
	}
	fmt.Printf("journal read      %6.2f s  %d records, %d calls, %d events seen\n", r.read.Sub(r.owner).Seconds(), r.journal.Records, r.journal.Calls, r.journal.Seen)
	fmt.Printf("all read again    %6.2f s  %d events, %d of them open\n", r.done.Sub(r.owner).Seconds(), w.perPartition()*partitions, w.stillOpen())
	fmt.Printf("CPU               %6.2f s\npeak              %6d MB (GOMEMLIMIT %s)\n",
		(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), peak>>20, w.memory)
	return nil
}

// recovered is when what had happened.
type recovered struct {
	owner, read, done time.Time
	journal           line
}

// follow waits until exactly the open events wait and all of the input was read.
func (w *world) follow(ctx context.Context, lines <-chan line) (recovered, error) {
	var r recovered
	address := ""
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case l, ok := <-lines:
			switch {
			case !ok:
				return r, errors.New("it ended before it had recovered")
			case l.HTTP != "":
				address = l.HTTP
			case l.State == "owner":
				r.owner = l.Time
			case l.Msg == "journal read":
				r.read, r.journal = l.Time, l
			}
		case <-look.C:
			if address == "" || r.read.IsZero() {
				continue
			}
			pending, lag, err := scrape(ctx, address)
			if err == nil && pending == w.stillOpen() && lag == 0 {
				r.done = time.Now()
				return r, nil
			}
		}
	}
}

// scrape returns how many intents wait, and how many records are to be read; -1:
// not all partitions say so yet.
func scrape(ctx context.Context, address string) (pending, lag int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return 0, 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	said := 0
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), "} ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch {
		case strings.HasPrefix(name, "bridge_pending_intents{"):
			pending += int(n)
		case strings.HasPrefix(name, "bridge_kafka_lag_records{"):
			lag += int(n)
			said++
		}
	}
	if said < partitions {
		lag = -1
	}
	return pending, lag, nil
}
