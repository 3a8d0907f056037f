//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

// build builds the bridge as `make build` does and returns its path.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "bridge")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "pushbridge/cmd/bridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the bridge: %w\n%s", err, out)
	}
	return path, nil
}

// bridgeRun is one `bridge run` to be measured.
type bridgeRun struct {
	path, rules string
	at          place
	topic       string // to read
	name        string // of the group, and of the topics it writes
	events      int    // 0: it finds nothing to do
	profile     string
	profileFor  time.Duration
}

func (b bridgeRun) results() string { return b.name + ".results" }

// environment is all that the bridge is told. The API's second between calls is a
// hundredth here: a day's hundred calls must fit into a second's hundred thousand
// events.
func (b bridgeRun) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"BRIDGE_KAFKA_BROKERS=" + strings.Join(b.at.Brokers, ","), "BRIDGE_KAFKA_TOPICS=" + b.topic, "BRIDGE_KAFKA_GROUP=" + b.name,
		"BRIDGE_KAFKA_RESULTS_TOPIC=" + b.results(), "BRIDGE_KAFKA_DLQ_TOPIC=" + b.name + ".dlq", "BRIDGE_KAFKA_JOURNAL_TOPIC=" + b.name + ".journal", "BRIDGE_KAFKA_REPLAY_TOPIC=" + b.name + ".replay",
		fmt.Sprintf("BRIDGE_PUSH_SDKAPPID=%d", sdkAppID), "BRIDGE_PUSH_IDENTIFIER=" + identifier, "BRIDGE_PUSH_SECRET_KEY=" + secretKey,
		"BRIDGE_PUSH_URL=" + b.at.PushURL, "BRIDGE_PUSH_INTERVAL=10ms", "BRIDGE_PUSH_MARGIN=0s", "BRIDGE_PUSH_QUOTA=1000000",
		"BRIDGE_SETTLE=100ms", "BRIDGE_RULES_FILE=" + b.rules, "BRIDGE_HTTP_ADDR=127.0.0.1:0",
	}
}

// line is what is read of the bridge's log.
type line struct {
	Time  time.Time `json:"time"`
	Msg   string    `json:"msg"`
	State string    `json:"state"`
	HTTP  string    `json:"http"`
}

// do runs the bridge until every event's offset is committed, which it is when
// its disposition is in the journal and on the results topic, then stops it.
func (b bridgeRun) do(ctx context.Context) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	kafkaClient := client(strings.Join(b.at.Brokers, ","))
	if err := createTopic(ctx, kafkaClient, b.results()); err != nil {
		return usage{}, err
	}
	cmd := exec.CommandContext(ctx, b.path, "run")
	cmd.Env = b.environment()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return usage{}, fmt.Errorf("start the bridge: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return usage{}, fmt.Errorf("start the bridge: %w", err)
	}
	owned := make(chan time.Time, 1) // the one moment from which it fetches
	var last []string
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		last = b.follow(ctx, stderr, owned)
	}()
	var u usage
	var first time.Time
	select {
	case first = <-owned:
		var done time.Time
		if done, err = b.wait(ctx, kafkaClient); err == nil && b.events > 0 {
			u.wall = done.Sub(first)
		}
	case <-logged:
		err = errors.New("it ended before it owned its partitions")
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // where it has ended, Wait says how
	<-logged
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return usage{}, fmt.Errorf("bridge run: %w; its last lines:\n%s", err, strings.Join(last, "\n"))
	}
	wall := u.wall
	u = usageOf(cmd.ProcessState)
	u.wall = wall
	return u, nil
}

// follow reads the log to its end: when the partitions are owned goes to owned,
// the latest lines are returned.
func (b bridgeRun) follow(ctx context.Context, log io.Reader, owned chan<- time.Time) []string {
	var last []string
	address := ""
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if last = append(last, lines.Text()); len(last) > 20 {
			last = last[1:]
		}
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		if l.HTTP != "" {
			address = l.HTTP
		}
		if l.State == "owner" {
			select {
			case owned <- l.Time:
			default: // a second generation; the first fetch was before
			}
			if b.profile != "" {
				go b.saveProfile(ctx, address)
			}
		}
	}
	return last
}

// saveProfile asks the bridge for a CPU profile. Its lack is no reason to stop.
func (b bridgeRun) saveProfile(ctx context.Context, address string) {
	err := func() error {
		url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", address, b.profileFor.Seconds())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		file, err := os.Create(b.profile)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, res.Body)
		return errors.Join(err, file.Close())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "throughput: save profile:", err)
	}
}

func createTopic(ctx context.Context, c *kafka.Client, name string) error {
	res, err := c.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: 3, ReplicationFactor: 1}}})
	if err == nil {
		err = res.Errors[name]
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// How often the broker is asked how far the bridge is. That costs the bridge
// nothing.
const (
	lookEvery = 5 * time.Millisecond
	idleFor   = 500 * time.Millisecond
)

// wait returns when the results topic grew for the last time, once the group has
// committed all of the input.
func (b bridgeRun) wait(ctx context.Context, c *kafka.Client) (time.Time, error) {
	if b.events == 0 {
		return time.Time{}, pause(ctx, idleFor)
	}
	input, err := bounds(ctx, c, b.topic)
	if err != nil {
		return time.Time{}, err
	}
	var grew time.Time
	var size int64
	for n := 0; ; n++ {
		if err := pause(ctx, lookEvery); err != nil {
			return grew, fmt.Errorf("wait for %d dispositions, %d results are there: %w", b.events, size, err)
		}
		told, err := bounds(ctx, c, b.results())
		if err != nil {
			continue // its partitions may not have a leader yet
		}
		var now int64
		for _, p := range told {
			now += p.LastOffset
		}
		if now > size {
			size, grew = now, time.Now()
		}
		if n%10 == 0 && size >= int64(b.events) && b.committed(ctx, c, input) {
			return grew, nil
		}
	}
}

// committed says whether the group has committed all partitions to their end.
func (b bridgeRun) committed(ctx context.Context, c *kafka.Client, input map[int]kafka.PartitionOffsets) bool {
	var ids []int
	for id := range input {
		ids = append(ids, id)
	}
	res, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: b.name, Topics: map[string][]int{b.topic: ids}})
	if err != nil || res.Error != nil || len(res.Topics[b.topic]) != len(ids) {
		return false
	}
	for _, p := range res.Topics[b.topic] {
		if p.CommittedOffset < input[p.Partition].LastOffset {
			return false
		}
	}
	return true
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// check counts what the results topic says of the run, and frees its memory.
func (b bridgeRun) check(ctx context.Context, o options) (ends, error) {
	o.topic = b.results()
	cmd, err := self(ctx, "count", o)
	if err != nil {
		return ends{}, err
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return ends{}, fmt.Errorf("count the results: %w", err)
	}
	var got ends
	if err := json.Unmarshal(out, &got); err != nil {
		return ends{}, fmt.Errorf("count the results: %w", err)
	}
	if got.Events != b.events || got.Dispositions["dead-lettered"] > 0 {
		return got, fmt.Errorf("%d events were read and %d ended, as %v: the run is not valid", b.events, got.Events, got.Dispositions)
	}
	_, err = client(o.brokers).DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{b.results(), b.name + ".dlq", b.name + ".journal"}})
	return got, err
}
