package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"pushbridge/internal/config"
	"pushbridge/internal/journal"
)

// journalFlags is what the user of `bridge journal` chooses.
type journalFlags struct {
	topic, brokers, from, output string
	asJSON                       bool
}

func newJournalCmd() *cobra.Command {
	var f journalFlags
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Print the journal: every call before it was made, what came of it, how events ended",
		Long: `Print the journal as it stands in Kafka, a line for each thing that a record says:

  attempt   a call that was about to be made, with its push and number
  outcome   how it ended: a class of the API's errors, ok, doubt, or void where it was not made
  ended     events that ended alike, as topic/partition first-last,...
  seen      events that were taken in for the first time, so that copies are known
  told      all results are on the results topic that records below this offset ask for
  read      the latest timestamp of a partition's records
  rewound   a partition whose offsets mean other records from here on
  fenced    a call that may be made from here on, where the name beside the offsets may lag

It reads only, and may run beside a bridge. The brokers, the login and the topic
come from BRIDGE_KAFKA_*. The exit code is 1 if a record cannot be read: one of a
newer bridge, or one that is none of the journal's.`,
		Example: "  bridge journal --from -2h\n  bridge journal --json | jq -c 'select(.record.attempt).record.attempt | {id, number, why}'",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runJournal(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.topic, "topic", "", "journal topic instead of BRIDGE_KAFKA_JOURNAL_TOPIC")
	flags.StringVar(&f.brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	flags.StringVar(&f.from, "from", "", "print what was written since then: a time as 2026-03-01T20:00:00Z, or how long ago as -2h (default all)")
	flags.StringVarP(&f.output, "output", "o", "text", "text or json: one object a line, with the record as it stands in the topic")
	flags.BoolVar(&f.asJSON, "json", false, "the same as -o json")
	apart(cmd, "json", "output", "only one can be said")
	return cmd
}

func runJournal(cmd *cobra.Command, f journalFlags) error {
	if f.asJSON {
		f.output = "json"
	}
	if err := checkOutput(f.output); err != nil {
		return err
	}
	since, err := parseWhen("--from", f.from, time.Now())
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	environ := environWith(f.brokers)
	if f.topic != "" {
		environ = append(environ, config.Prefix+"KAFKA_JOURNAL_TOPIC="+f.topic)
	}
	cfg, err := config.LoadKafka(environ)
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	transport, err := connect(cmd.Context(), cfg, cmd.ErrOrStderr())
	if err != nil {
		return explainMissing(err, cfg.JournalTopic)
	}
	defer transport.CloseIdleConnections()
	unread := 0
	out := cmd.OutOrStdout()
	show := printEntry
	if f.output == "json" {
		show = printEntryJSON
	}
	at := journal.Config{Addr: kafka.TCP(cfg.Brokers...), Transport: transport, Topic: cfg.JournalTopic}
	err = journal.Walk(cmd.Context(), at, since, func(e journal.Entry) error {
		if e.Err != nil {
			unread++
		}
		return show(out, e)
	})
	switch {
	case err != nil:
		return explainMissing(err, cfg.JournalTopic)
	case unread > 0:
		return exitError{code: exitFindings, err: fmt.Errorf("%s of %s cannot be read", count(unread, "record"), cfg.JournalTopic)}
	}
	return nil
}

// explainMissing says what to do about a topic that there is not.
func explainMissing(err error, topic string) error {
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		return fmt.Errorf("journal topic %s does not exist: check BRIDGE_KAFKA_JOURNAL_TOPIC, or --topic", topic)
	}
	return err
}

// entryJSON is one record for programs. Its form is in schemas/journal.v1.json.
type entryJSON struct {
	Offset int64           `json:"offset"`
	Time   time.Time       `json:"time"`
	Record json.RawMessage `json:"record,omitempty"`
	Error  string          `json:"error,omitempty"` // then record may be absent: it may be no JSON
}

func printEntryJSON(w io.Writer, e journal.Entry) error {
	line := entryJSON{Offset: e.Offset, Time: e.At.UTC()}
	if json.Valid(e.Value) {
		line.Record = e.Value
	}
	if e.Err != nil {
		line.Error = e.Err.Error()
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(line)
}
