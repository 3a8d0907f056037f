package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/config"
	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
	"pushbridge/internal/results"
)

func newDLQCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List and show dead letters, and let their events come again after a fix",
		Long: `Dead letters are records that are no CloudEvents, events that a rule failed on or
that broke their schema, and push requests that the API refused for good, as they
came, with the reason. They stand on BRIDGE_KAFKA_DLQ_TOPIC; a letter's name is its
place there, as 0@12.`,
		Example: `  bridge dlq list --rule vip --from -24h
  bridge dlq show 0@12
  bridge dlq retry --rule vip --from 2026-03-01`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDLQListCmd(), newDLQShowCmd(), newDLQRetryCmd())
	return cmd
}

func newDLQRetryCmd() *cobra.Command {
	f := replayFlags{sel: selection{Letters: true}}
	cmd := &cobra.Command{
		Use:   "retry [LETTER]",
		Short: "Let the events of dead letters come again: a plan, and with --execute the events",
		Long: `Let the events of dead letters come again by a replay, from the letters themselves:
the records that they were need not be there any more. Events that have ended
otherwise since are left out, and so are the rules under which they ended well.
Fix what was wrong first: the rules that the bridge runs decide anew.

A letter of a refused push is a request. The events that it carried come again by
bridge replay --disposition rejected.`,
		Example: `  bridge dlq retry --reason rule_failed --rule vip --from 2026-03-01
  bridge dlq retry 0@12 --execute`,
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.sel.Letter = args[0]
			}
			return runReplay(cmd, f)
		},
	}
	f.sel.letterFlags(cmd)
	f.common(cmd)
	return cmd
}

// letterFlags are those that choose letters.
func (s *selection) letterFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.From, "from", "", "given up from then on: a time, a day (UTC), or how long ago as -2h (default all)")
	flags.StringVar(&s.To, "to", "", "given up before then (default now)")
	flags.StringArrayVar(&s.Reasons, "reason", nil, "given up for this reason: "+strings.Join(reasons(), ", ")+"; repeatable")
	flags.StringVar(&s.Rule, "rule", "", "letters of this rule")
}

// reasons are the words of --reason.
func reasons() []string {
	names := make([]string, len(results.Reasons))
	for i, r := range results.Reasons {
		names[i] = r.String()
	}
	return names
}

// parseLetter reads the place of a letter, with or without its topic.
func parseLetter(text, topic string) (offset.Position, error) {
	full := text
	if !strings.Contains(text, "/") {
		full = topic + "/" + text
	}
	p, err := offset.ParsePosition(full)
	if err != nil || p.Topic != topic {
		return p, exitError{code: exitUsage, err: fmt.Errorf("letter %q: want its place on %s, partition@offset as bridge dlq list prints it", text, topic)}
	}
	return p, nil
}

// checkLetter says what is wrong with the name of a letter, if one is typed.
func (s *selection) checkLetter(cfg config.Config) error {
	if s.Letter == "" {
		return nil
	}
	_, err := parseLetter(s.Letter, cfg.Kafka.DLQTopic)
	return err
}

// takesLetter says whether a letter is selected, as far as its own headers say.
func (d *replayDesk) takesLetter(s *selection, x *extent, at offset.Position, l *results.Letter) bool {
	if l.Reason == "" {
		return false // another's
	}
	if s.Letter != "" {
		only, err := parseLetter(s.Letter, d.cfg.Kafka.DLQTopic)
		return err == nil && only == at
	}
	return (len(s.Reasons) == 0 || slices.Contains(s.Reasons, l.Reason)) &&
		(s.Rule == "" || slices.Contains(strings.Split(l.Rule, ","), s.Rule)) &&
		(x.From.IsZero() || !l.At.Before(x.From)) && (x.To.IsZero() || l.At.Before(x.To) || l.At.IsZero())
}

// letterOf is where the letter's event came for the first time.
func (d *replayDesk) letterOf(l *results.Letter) offset.Position {
	if l.Of.Topic == d.cfg.Kafka.ReplayTopic {
		if original, ok := l.Original(); ok {
			return original
		}
	}
	return l.Of
}

// dlqDesk opens the dead-letter topic for a reading command.
func dlqDesk(cmd *cobra.Command, brokers string, s *selection) (*replayDesk, *extent, error) {
	if err := s.check(); err != nil {
		return nil, nil, exitError{code: exitUsage, err: err}
	}
	desk, err := newReplayDesk(cmd.Context(), brokers, s.checkLetter, cmd.ErrOrStderr())
	if err != nil {
		return nil, nil, err
	}
	x, err := desk.extentOf(cmd.Context(), s, time.Now())
	if err != nil {
		desk.close()
		return nil, nil, err
	}
	return desk, &x, nil
}

var errNoLetter = errors.New("no such letter")

// letter returns the record of a letter that is named, or says that there is none.
func (d *replayDesk) letter(ctx context.Context, x *extent, name string) (*consume.Record, error) {
	at, err := parseLetter(name, d.cfg.Kafka.DLQTopic)
	if err != nil {
		return nil, err
	}
	for _, p := range x.Parts {
		if p.Partition != at.ID || at.Offset < p.First || at.Offset >= p.Next {
			continue
		}
		for r, err := range d.scan.Read(ctx, consume.Part{Partition: at.Partition, First: at.Offset, Next: at.Offset + 1}) {
			if err != nil {
				return nil, fmt.Errorf("read dead letter: %w", err)
			}
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s: %w: bridge dlq list prints those there are", at, errNoLetter)
}
