package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pushbridge/internal/config"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi/pushsim"
	"pushbridge/testdata/demo"
)

// What the demo runs with: an app of the simulator, and topics of the embedded
// broker.
const (
	demoApp        = 1400000000
	demoIdentifier = "administrator"
	demoKey        = "a-key-that-opens-nothing-but-the-demo"
	demoUsers      = 2000
	demoTopic      = "events"
)

type demoOptions struct {
	asJSON  bool
	keep    bool
	limit   time.Duration
	bounded bool // the limit was asked for: to reach it is no fault
	addr    string
}

func newDemoCmd() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole bridge at work on this machine: embedded Kafka, a simulated push API, real pipeline",
		Long: `Play the events of testdata/demo through the real pipeline, from an embedded
Kafka to a simulated push API with 2,000 users, and judge the outcome by the
simulator's own log. It takes some twelve seconds and needs nothing installed.

The exit code is 1 if somebody was reached wrongly, missed or reached twice, if
the budget was broken, or if events had not ended after a minute. With --for, or
interrupted, the call in flight is finished and what still waits is only counted.`,
		Example: "  bridge demo\n  bridge demo --json | jq .dispositions\n  bridge demo --keep --http-addr 127.0.0.1:8080",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.bounded = cmd.Flags().Changed("for")
			return runDemo(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the summary as JSON on stdout, and nothing else there")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "go on after the summary until interrupted, to look at metrics and topics")
	cmd.Flags().DurationVar(&o.limit, "for", time.Minute, "stop after this long, even if events are still pending")
	cmd.Flags().StringVar(&o.addr, "http-addr", "127.0.0.1:0", "where health and metrics are served")
	apart(cmd, "for", "keep", "one ends the demo, the other goes on; leave one of them out")
	return cmd
}

// runDemo starts the broker and the simulator, runs the pipeline between them,
// plays the events, and judges the outcome by the simulator's own log.
func runDemo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) error {
	started := time.Now()
	rules, err := mapper.Parse("testdata/demo/rules.yaml", demo.Rules, mapper.Limits{})
	if err != nil {
		return err
	}
	script, err := parseScript(demo.Events)
	if err != nil {
		return err
	}
	broker, err := devkafka.Start(devkafka.Config{Topics: map[string]int32{demoTopic: 2}})
	if err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	defer broker.Close()

	sim, url, stopSim, err := startSimulator(ctx)
	if err != nil {
		return err
	}
	defer stopSim()

	cfg, err := demoConfig(broker.Addrs(), url, o.addr)
	if err != nil {
		return err
	}
	logs := &lastWarnings{}
	p, err := newPipeline(ctx, cfg, rules, slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer p.close()

	d := &demoRun{
		options: o, script: script, sim: sim, rules: rules, pipeline: p, brokers: broker.Addrs(), started: started,
		screen: newScreen(stderr, o),
	}
	if !o.asJSON {
		fmt.Fprintf(stderr, "Console: http://%s/\n\n", p.console.Addr())
	}
	stop := d.start(ctx)
	summary, err := d.play(ctx)
	if err == nil {
		err = d.report(stdout, summary)
	}
	if err == nil && o.keep && ctx.Err() == nil {
		fmt.Fprintf(stderr, "\nKept running. Console: http://%[1]s/  Metrics: http://%[1]s/metrics  Kafka: %[2]v  Push API: %[3]s/sim/summary\nEnd with Ctrl-C.\n",
			p.console.Addr(), broker.Addrs(), url)
		<-ctx.Done()
	}
	err = errors.Join(err, stop())
	if err == nil && !summary.good() {
		return exitError{code: exitFindings, err: fmt.Errorf("demo: the simulator saw something that the rules do not say, see the summary%s", logs)}
	}
	return err
}

// startSimulator serves the push API on a port of its own.
func startSimulator(ctx context.Context) (*pushsim.Server, string, func(), error) {
	sim, err := pushsim.New(pushsim.Config{Apps: []pushsim.App{{SDKAppID: demoApp, SecretKey: demoKey, Admins: []string{demoIdentifier}}}})
	if err != nil {
		return nil, "", nil, err
	}
	if err := sim.Populate(1, demoUsers); err != nil {
		return nil, "", nil, err
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, fmt.Errorf("listen for the simulated push API: %w", err)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = sim.Run(serving, lis) // what goes wrong here is seen by the pipeline, which calls it
	}()
	return sim, "http://" + lis.Addr().String(), func() { stop(); <-ended }, nil
}

// demoConfig is an environment like any other, so the demo runs what `bridge
// run` runs.
func demoConfig(brokers []string, url, httpAddr string) (config.Config, error) {
	cfg, _, err := config.Load([]string{
		"BRIDGE_KAFKA_BROKERS=" + strings.Join(brokers, ","), "BRIDGE_KAFKA_TOPICS=" + demoTopic,
		fmt.Sprintf("BRIDGE_PUSH_SDKAPPID=%d", demoApp), "BRIDGE_PUSH_IDENTIFIER=" + demoIdentifier,
		"BRIDGE_PUSH_SECRET_KEY=" + demoKey, "BRIDGE_PUSH_URL=" + url,
		"BRIDGE_RULES_FILE=testdata/demo/rules.yaml", "BRIDGE_HTTP_ADDR=" + httpAddr,
	})
	cfg.RulesFile = "" // they are in the program: nobody can change them
	return cfg, err
}

// report prints the summary on stdout, where JSON stands alone: the screen is on
// stderr.
func (d *demoRun) report(stdout io.Writer, s demoSummary) error {
	d.screen.close()
	if d.options.asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	_, err := io.WriteString(stdout, s.text())
	return err
}

// isTerminal says whether control characters may be written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}
