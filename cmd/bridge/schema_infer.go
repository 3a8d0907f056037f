package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"pushbridge/internal/consume"
	"pushbridge/internal/infer"
)

// inferMax is how many events are read where nothing else is said: enough to see
// rare fields, and read in seconds.
const inferMax = 100_000

// inferNamed bounds the events that are named as left out.
const inferNamed = 10

// inferFlags is what the user of `bridge schema infer` chooses.
type inferFlags struct {
	topic, brokers, from, to, out string
	types                         []string
	max                           int
	force                         bool
}

func newSchemaInferCmd() *cobra.Command {
	var f inferFlags
	cmd := &cobra.Command{
		Use:   "infer [FILE | --topic TOPIC]",
		Short: "Draft the schema of each event type from events that were seen",
		Long: `Draft a JSON Schema for the data of each event type, from a file of CloudEvents (one
structured JSON object a line, - for standard input) or from a Kafka topic. The
brokers and the login come from BRIDGE_KAFKA_*; nothing is committed.

Every event that a draft was made of keeps to it. Read it before you use it: what
all events had is required, and words that came again and again are taken for all
there are. The descriptions say how often each was seen.

Without --out the drafts go to standard output. An event that no rule could use is
left out, the first of them are named on standard error, and the exit code is 1.`,
		Example: "  bridge schema infer events.jsonl --out schemas\n" +
			"  bridge schema infer --topic orders --from -24h --max 50000 --out schemas",
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error { return runSchemaInfer(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.topic, "topic", "", "Kafka topic to read")
	flags.StringVar(&f.brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	flags.StringVar(&f.from, "from", "", "read what reached the topic since then: a time as 2026-03-01T20:00:00Z, or how long ago as -2h (default all)")
	flags.StringVar(&f.to, "to", "", "read what reached the topic before then (default now)")
	flags.StringArrayVar(&f.types, "type", nil, "only events of this type; repeatable (default all)")
	flags.IntVar(&f.max, "max", inferMax, "read at most so many events")
	flags.StringVar(&f.out, "out", "", "directory to write <type>.json to")
	flags.BoolVar(&f.force, "force", false, "write over files that are there")
	only(cmd, "force", "out", "on standard output there is nothing to write over")
	return cmd
}

// inferring is one run of the command.
type inferring struct {
	inferFlags

	drafts infer.Drafts
	events int
	left   int // out
	stderr io.Writer
}

func runSchemaInfer(cmd *cobra.Command, f inferFlags, args []string) error {
	usage := func(text string) error { return exitError{code: exitUsage, err: errors.New(text)} }
	switch {
	case len(args) == 0 && f.topic == "":
		return usage("name a file of events, or --topic")
	case len(args) == 1 && f.topic != "":
		return usage("choose: a file of events, or --topic")
	case f.topic == "" && (f.from != "" || f.to != "" || f.brokers != ""):
		return usage("--from, --to and --brokers go with --topic")
	case f.max < 1:
		return usage(fmt.Sprintf("--max %d: want 1 or more", f.max))
	}
	r := &inferring{inferFlags: f, stderr: cmd.ErrOrStderr()}
	var err error
	if f.topic != "" {
		err = r.readTopic(cmd.Context())
	} else {
		err = r.readFile(args[0], cmd.InOrStdin())
	}
	if err != nil {
		return err
	}
	drafts, err := r.drafts.Drafts()
	if err != nil {
		return err
	}
	if err := r.write(cmd.OutOrStdout(), drafts); err != nil {
		return err
	}
	switch {
	case len(drafts) == 0 && r.left == 0:
		return exitError{code: exitFindings, err: errors.New("there are no events to draft from")}
	case r.left > 0:
		return exitError{code: exitFindings, err: fmt.Errorf("%s left out: no rule could use them", count(r.left, "event"))}
	case r.events == r.max:
		fmt.Fprintf(r.stderr, "read %s, as many as --max allows: there may be more\n", count(r.events, "event"))
	}
	return nil
}

// take adds an event, or notes that it is left out. It says whether to go on.
func (r *inferring) take(place string, e *event.Event, err error) bool {
	if err == nil && len(r.types) > 0 && !slices.Contains(r.types, e.Type()) {
		return true
	}
	r.events++
	if err == nil {
		err = r.drafts.Add(e)
	}
	if err != nil {
		if r.left++; r.left <= inferNamed {
			fmt.Fprintln(r.stderr, visible(fmt.Sprintf("%s: left out: %v", place, err)))
		}
	}
	return r.events < r.max
}

// readFile reads a file of events, one a line.
func (r *inferring) readFile(name string, stdin io.Reader) error {
	in, err := openInput(name, stdin)
	if err != nil {
		return err
	}
	defer in.close()
	lines := bufio.NewReaderSize(in, 1<<16)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", in.name, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			e, parseErr := consume.ParseEvent(line)
			if parseErr != nil {
				parseErr = onOneLine(line, parseErr)
			}
			if !r.take(fmt.Sprintf("%s:%d", in.name, n), e, parseErr) {
				return nil
			}
		}
		if err != nil {
			return nil
		}
	}
}

// write writes the drafts where they were asked for.
func (r *inferring) write(out io.Writer, drafts []infer.Draft) error {
	if r.out == "" {
		for _, d := range drafts {
			if _, err := out.Write(d.JSON); err != nil {
				return fmt.Errorf("write draft of %s: %w", d.Type, err)
			}
		}
		return nil
	}
	if len(drafts) > 0 {
		if err := os.MkdirAll(r.out, 0o750); err != nil {
			return fmt.Errorf("make directory of schemas: %w", err)
		}
	}
	path := func(d infer.Draft) string { return filepath.Join(r.out, url.PathEscape(d.Type)+".json") }
	for _, d := range drafts { // all or none
		if _, err := os.Stat(path(d)); err == nil && !r.force {
			return thereAlready(path(d))
		}
	}
	for _, d := range drafts {
		if err := writeNew(path(d), d.JSON, r.force); err != nil {
			return err
		}
		fmt.Fprintln(r.stderr, visible(fmt.Sprintf("%s: %s → %s", d.Type, count(d.Events, "event"), path(d))))
	}
	return nil
}

func thereAlready(path string) error {
	return fmt.Errorf("%s is there already: choose another --out, or say --force", path)
}

// writeNew writes a file, over one that is there only if forced.
func writeNew(path string, data []byte, force bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !force {
		mode |= os.O_EXCL
	}
	file, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return thereAlready(path)
	}
	if err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write schema %s: %w", path, err)
	}
	return nil
}
