package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"pushbridge/internal/consume"
	"pushbridge/internal/mapper"
)

// testPushFlags are what is asked of bridge test-push.
type testPushFlags struct {
	rules   string
	execute bool
	emit    emitFlags
}

func newTestPushCmd() *cobra.Command {
	var f testPushFlags
	cmd := &cobra.Command{
		Use:   "test-push --rules FILE EVENT",
		Short: "Push what an event would push to the test audience only: a plan until --execute",
		Long: `Show what the rules make of one event when it is a test, and with --execute write
it to its Kafka topic as one: with an id of its own and the extension pushtest.
The running bridge maps it by its own rules and sends what they say to the
file's test_audience and to nobody else, in a call of its own, which counts. A
bridge whose rules have no test_audience dead-letters it.

EVENT is a file with one CloudEvent in structured JSON; - reads standard input.`,
		Example: "  bridge test-push --rules rules.yaml event.json\n" +
			"  bridge test-push --rules rules.yaml --topic member.promo --execute event.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exitError{code: exitUsage, err: errors.New("name one file with an event, or -")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], time.Now()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.rules, "rules", "", "rule file (required)")
	flags.BoolVar(&f.execute, "execute", false, "write the event to Kafka; without it nothing is sent")
	flags.StringVar(&f.emit.topic, "topic", "", "topic that the bridge reads the event from (required with --execute)")
	flags.StringVar(&f.emit.brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	need(cmd, "rules", "name the rule file, as --rules rules.yaml")
	return cmd
}

func (f *testPushFlags) run(cmd *cobra.Command, file string, now time.Time) error {
	if f.execute && f.emit.topic == "" {
		return exitError{code: exitUsage, err: errors.New("--execute needs --topic, which the bridge reads the event from")}
	}
	rules, err := loadRules(f.rules, mapper.Limits{})
	if err != nil {
		return err
	}
	who, ok := rules.TestAudience()
	if !ok {
		return fmt.Errorf("%s has no test_audience; write test_audience: {tags_any: [testers]} at its top", f.rules)
	}
	raw, err := testOf(cmd.InOrStdin(), file, now)
	if err != nil {
		return err
	}
	x := explainer{rules: rules, received: now}
	if err := x.all(cmp.Or(file, "the event"), bytes.NewReader(raw), cmd.OutOrStdout(), cmd.ErrOrStderr()); err != nil {
		return err
	}
	if !f.execute {
		fmt.Fprintf(cmd.ErrOrStderr(), "nothing is sent: --execute writes it to %s, and the bridge pushes it to %v\n", cmp.Or(f.emit.topic, "Kafka"), who)
		return nil
	}
	f.emit.compression, f.emit.key = "none", "partitionkey"
	return runEmit(cmd, f.emit, bytes.NewReader(raw), []string{"-"})
}

// testOf reads an event and makes a test of it: another event, of the same type
// and data, that says who tries it.
func testOf(stdin io.Reader, file string, now time.Time) ([]byte, error) {
	in, err := openInput(file, stdin)
	if err != nil {
		return nil, err
	}
	defer in.close()
	raw, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read event %s: %w", in.name, err)
	}
	var e event.Event
	if err := json.Unmarshal(raw, &e); err != nil {
		if _, why := consume.ParseEvent(raw); why != nil {
			err = why // which says it in words
		}
		return nil, fmt.Errorf("read event %s: %s", in.name, oneLine(err))
	}
	e.SetID(e.ID() + "-test-" + strconv.FormatInt(now.UnixMilli(), 36))
	e.SetExtension(mapper.AttrTest, cmp.Or(os.Getenv("USER"), "somebody"))
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("read event %s: %s", file, oneLine(err))
	}
	if raw, err = json.Marshal(e); err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID(), err)
	}
	return append(raw, '\n'), nil
}

// oneLine puts the SDK's lines into one.
func oneLine(err error) string {
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}
