package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"pushbridge/internal/config"
	"pushbridge/internal/mapper"
)

func newRunCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Read events from Kafka and push them, configured by the environment (see `bridge env`)",
		Long: `Read CloudEvents from Kafka, push what the rules say, and write what became of
each to the results topic. SIGTERM or Ctrl-C ends it in order: the call in flight
is finished, recorded and committed; a second one ends it at once.

The rule file is read again when it changes, on SIGHUP and on POST /-/reload from
this machine. A file that is wrong is not taken: see docs/reload.md.

Several instances share one consumer group: one works, the others stand by.
Health, metrics and status are on BRIDGE_HTTP_ADDR: /livez, /readyz?verbose,
/metrics, /api/v1/status. A lane of the rule file is one more app of the push API,
which BRIDGE_LANES and BRIDGE_LANE_<NAME>_* configure.`,
		Example: `  export BRIDGE_KAFKA_BROKERS=localhost:9092 BRIDGE_KAFKA_TOPICS=member.promo
  export BRIDGE_PUSH_SDKAPPID=1400000000 BRIDGE_PUSH_IDENTIFIER=administrator
  export BRIDGE_PUSH_SECRET_KEY_FILE=/run/secrets/push-key BRIDGE_PUSH_REGION=singapore
  export BRIDGE_RULES_FILE=rules.yaml
  bridge run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, warnings, err := config.Load(os.Environ())
			if err != nil {
				for _, w := range warnings {
					fmt.Fprintf(cmd.ErrOrStderr(), "bridge: warning: %s\n", w)
				}
				return exitError{code: exitUsage, err: err}
			}
			log := newLogger(cmd.ErrOrStderr(), cfg)
			for _, w := range warnings {
				log.Warn("environment", "warning", w)
			}
			return runBridge(cmd.Context(), cfg, log)
		},
	}
}

func runBridge(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	hangups := make(chan os.Signal, 1) // another one before the first was seen is the same wish
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	rules, err := loadRules(cfg.RulesFile, mapper.Limits{MaxRequestBytes: cfg.Push.MaxBytes})
	if err != nil {
		return fmt.Errorf("BRIDGE_RULES_FILE names rules that cannot be used:\n%w", err)
	}
	for _, w := range rules.Warnings() {
		log.Warn("rules", "warning", w)
	}
	p, err := newPipeline(ctx, cfg, rules, log)
	if err != nil {
		return err
	}
	defer p.close()
	log.Info("bridge runs", "version", version, "rules", len(rules.Rules()), "rules_version", rules.Version(),
		"topics", cfg.Kafka.Topics, "group", cfg.Kafka.Group, "lanes", p.quotas(), "http", p.console.Addr())
	if err := p.run(ctx, hangups); err != nil {
		return err
	}
	log.Info("bridge stopped")
	return nil
}

func newLogger(w io.Writer, cfg config.Config) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}
