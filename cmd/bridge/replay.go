package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"pushbridge/internal/config"
	"pushbridge/internal/consume"
	"pushbridge/internal/mapper"
	"pushbridge/internal/replay"
	"pushbridge/internal/results"
)

// replayFlags is what the user of `bridge replay` and `bridge dlq retry` chooses.
type replayFlags struct {
	sel     selection
	id      string
	rules   string
	brokers string
	against time.Duration
	execute bool
	wait    bool
	output  string
}

func newReplayCmd() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay --topic TOPIC --from TIME | --disposition KIND --from TIME",
		Short: "Let events come again: a plan of what that takes, and with --execute the events",
		Long: `Choose events that came before, by their topic and time or offsets, or by how they
ended, and let them come again to the running bridge. Without --execute nothing is
written: the plan says how many events and calls it takes, what is left of the
budget, and what that does to the events that come meanwhile.

Events go to BRIDGE_KAFKA_REPLAY_TOPIC, which only the bridge reads, with the
extensions replayid and replayof. They are mapped by the rules of the day, wait at
low priority, and draw on the pool "replay": a tenth of the quota, or what the rule
file says. An event that a rule has dealt with otherwise since is not mapped under
that rule again.

The same selection is the same replay: done twice it does nothing twice, and after a
kill the same command goes on. It takes the environment of bridge run, without the
secret of the push API.`,
		Example: `  bridge replay --disposition expired --from 2026-03-01 --to 2026-03-02
  bridge replay --topic member.promo --from -2h --where 'data.level >= 3' --id promo-fix --execute
  bridge replay status promo-fix`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.sel.typed(cmd.Flags().Changed)
			return runReplay(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.sel.Topics, "topic", nil, "topic of the events; repeatable")
	flags.StringVar(&f.sel.From, "from", "", "from then on: when it reached Kafka, with --disposition when it ended; a time, a day (UTC), or how long ago as -2h")
	flags.StringVar(&f.sel.To, "to", "", "before then (default now)")
	flags.Int32Var(&f.sel.Partition, "partition", 0, "with --from-offset or --to-offset, their partition; needed where the topic has several")
	flags.Int64Var(&f.sel.FromOffset, "from-offset", 0, "first offset of --partition, instead of --from")
	flags.Int64Var(&f.sel.ToOffset, "to-offset", 0, "first offset that is left out (default the end)")
	flags.StringArrayVar(&f.sel.Dispositions, "disposition", nil, "events that ended so: "+strings.Join(endings(), ", ")+"; repeatable")
	flags.StringVar(&f.sel.Rule, "rule", "", "with --disposition: under this rule")
	flags.StringVar(&f.sel.Push, "push", "", "with --disposition: by this push")
	f.common(cmd)
	cmd.AddCommand(newReplayCancelCmd(), newReplayListCmd(), newReplayStatusCmd())
	return cmd
}

// common are the flags of all that lets events come again.
func (f *replayFlags) common(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.sel.Types, "type", nil, "events of this type; repeatable")
	flags.StringArrayVar(&f.sel.Sources, "source", nil, "events of this source; repeatable")
	flags.StringVar(&f.sel.Where, "where", "", "events of which this is true: a CEL expression, as a rule's when")
	flags.StringVar(&f.sel.Priority, "priority", "", "most urgent priority that they may have: low, normal or high (default low)")
	flags.BoolVar(&f.sel.IgnoreExpiry, "ignore-expiry", false, "their expirytime and expire_at do not count any more; expire_after counts from now")
	flags.StringVar(&f.id, "id", "", "name of the replay (default made of the selection)")
	flags.StringVar(&f.rules, "rules", "", "rule file for the plan instead of BRIDGE_RULES_FILE")
	flags.StringVar(&f.brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	flags.DurationVar(&f.against, "against", 24*time.Hour, "the plan plays the events of so long ago beside the replay; 0: none")
	flags.BoolVar(&f.execute, "execute", false, "do it")
	flags.BoolVar(&f.wait, "wait", false, "with --execute: until all of them have ended")
	only(cmd, "wait", "execute", "a plan lets nothing come that could be waited for")
	flags.StringVarP(&f.output, "output", "o", "text", "form of the plan: text or json")
}

// replayDesk is what the commands about replays work with.
type replayDesk struct {
	cfg       config.Config
	transport *kafka.Transport
	client    *kafka.Client
	scan      *consume.Scanner
	results   *kafka.Writer
}

// newReplayDesk reads the environment, lets look say what is wrong with what else was
// typed, nil if nothing can be, and sees that Kafka answers. Close it.
func newReplayDesk(ctx context.Context, brokers string, look func(config.Config) error, stderr io.Writer) (*replayDesk, error) {
	environ := environWith(brokers)
	cfg, err := config.LoadReplay(environ)
	if err != nil {
		return nil, exitError{code: exitUsage, err: err}
	}
	if look != nil {
		if err := look(cfg); err != nil {
			return nil, err
		}
	}
	transport, err := connect(ctx, cfg.Kafka, stderr)
	if err != nil {
		return nil, err
	}
	addr := kafka.TCP(cfg.Kafka.Brokers...)
	return &replayDesk{
		cfg: cfg, transport: transport,
		client: &kafka.Client{Addr: addr, Transport: transport, Timeout: max(cfg.Kafka.Timeout, 10*time.Second)},
		scan: consume.NewScanner(consume.ScanConfig{
			Brokers: cfg.Kafka.Brokers, Transport: transport, Timeout: cfg.Kafka.Timeout,
			MaxEventBytes: cfg.Pipeline.MaxEventBytes, AcceptBareStructured: cfg.Pipeline.BareStructured,
		}),
		results: &kafka.Writer{
			Addr: addr, Transport: transport, RequiredAcks: kafka.RequireAll, BatchTimeout: 5 * time.Millisecond, Balancer: kafka.Murmur2Balancer{},
		},
	}, nil
}

func (d *replayDesk) close() {
	_ = d.results.Close() // what it wrote was answered for
	d.transport.CloseIdleConnections()
}

// format is that of results.
func (d *replayDesk) format() results.Format {
	return results.Format{SDKAppID: int64(d.cfg.Push.SDKAppID), Prefix: d.cfg.Pipeline.EventPrefix, Binary: d.cfg.Pipeline.ResultsBinary}
}

func runReplay(cmd *cobra.Command, f replayFlags) error {
	if err := errors.Join(checkOutput(f.output), f.sel.check()); err != nil {
		return exitError{code: exitUsage, err: err}
	}
	if f.against < 0 {
		return exitError{code: exitUsage, err: fmt.Errorf("--against %v: want how long ago, as 24h, or 0 for none", f.against)}
	}
	if f.id != "" {
		if err := replay.CheckID(f.id); err != nil {
			return exitError{code: exitUsage, err: err}
		}
	}
	ctx := cmd.Context()
	var rules *mapper.Rules
	desk, err := newReplayDesk(ctx, f.brokers, func(cfg config.Config) (err error) {
		if err = f.sel.checkLetter(cfg); err == nil {
			rules, err = planRules(cfg, f.rules)
		}
		if err == nil && rules == nil && f.against > 0 && cmd.Flags().Changed("against") {
			err = exitError{code: exitUsage, err: errors.New("--against plays events by the rules, and none are named: add --rules or BRIDGE_RULES_FILE, or leave --against out")}
		}
		return err
	}, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer desk.close()
	now := time.Now().Truncate(time.Second).Add(time.Second) // it may be typed again
	x, err := desk.extentOf(ctx, &f.sel, now)
	if err != nil {
		return err
	}
	if f.execute && f.id == "" && !f.sel.isAbsolute() {
		return exitError{code: exitUsage, err: fmt.Errorf("this selects other events each time it is typed, so doing it twice would do it twice: name it with --id, or type\n  %s --execute", f.sel.command(&x))}
	}
	id := f.id
	if id == "" {
		f.sel.fix(&x)
		id = f.sel.id()
	}
	on, err := desk.replayOn(ctx, id)
	if err != nil {
		return err
	}
	if on.begun != nil {
		if err := on.isOf(&f.sel); err != nil {
			return err
		}
		x = on.begun.Extent
	} else if f.sel.Letter != "" {
		if _, err := desk.letter(ctx, &x, f.sel.Letter); err != nil {
			return err
		}
	}
	if !on.cancelled.IsZero() {
		return exitError{code: exitFindings, err: fmt.Errorf("replay %s was cancelled at %s: to begin anew choose another --id", id, stamp(on.cancelled))}
	}
	c, err := desk.choose(ctx, &f.sel, x)
	if err != nil {
		return err
	}
	c.on = on
	p, err := desk.plan(ctx, c, f, rules)
	if err != nil {
		return err
	}
	if err := printReplayPlan(cmd.OutOrStdout(), f, p); err != nil || !f.execute {
		return err
	}
	return desk.execute(cmd, f, c, p)
}

// execute begins the replay, or goes on with it.
func (d *replayDesk) execute(cmd *cobra.Command, f replayFlags, c *chosen, p *replayPlan) error {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	if p.Selected == 0 && c.on.begun == nil {
		fmt.Fprintln(stderr, "nothing is selected, so nothing is written")
		return nil
	}
	raw, err := json.Marshal(&f.sel)
	if err != nil {
		return err
	}
	fixed := c.extent
	if len(f.sel.Dispositions) > 0 && !f.sel.Letters {
		fixed.Parts = nil // they follow from the results
	}
	on, err := d.begin(ctx, c.on, &f.sel, begun{Selection: raw, Extent: fixed, Selected: p.Selected, Command: p.Command})
	if err != nil {
		return err
	}
	c.on = on
	switch err := d.feed(ctx, c, stderr); {
	case errors.Is(err, errCancelled):
		return exitError{code: exitFindings, err: fmt.Errorf("replay %s was cancelled: %d of %d events had been fed", on.id, on.events, on.begun.Selected)}
	case err != nil:
		return err
	}
	fmt.Fprintf(stderr, "replay %s: all of its %s are on %s\n", on.id, count(on.events, "event"), d.cfg.Kafka.ReplayTopic)
	if !f.wait {
		fmt.Fprintf(stderr, "what becomes of them: bridge replay status %s\n", on.id)
		return nil
	}
	return d.waitFor(ctx, on.id, stderr)
}
