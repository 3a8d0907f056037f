package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// explained is one event with every rule's answer.
type explained struct {
	Number   int        `json:"number"` // in the input, from 1
	Event    eventJSON  `json:"event"`
	Error    string     `json:"error,omitempty"` // where it is no CloudEvent
	Received time.Time  `json:"received"`
	Version  string     `json:"rules_version"`
	Rules    []stepJSON `json:"rules"`
}

type eventJSON struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Type   string `json:"type"`
}

// stepJSON is one rule's answer.
type stepJSON struct {
	Rule      string         `json:"rule"`
	Finding   string         `json:"finding"`
	Why       string         `json:"why,omitempty"`
	Audiences []audienceJSON `json:"audiences,omitempty"`
	Message   any            `json:"message,omitempty"` // as the API is told it
	Text      string         `json:"text,omitempty"`
	Delivery  *deliveryJSON  `json:"delivery,omitempty"`
	Failure   *failureJSON   `json:"failure,omitempty"`

	body json.RawMessage // the message's elements, for those that have no text
}

type audienceJSON struct {
	Audience  string `json:"audience"`
	Condition any    `json:"condition"` // the API's; "everyone" is a call without one
}

type failureJSON struct {
	Field string `json:"field"`
	Value string `json:"value,omitempty"`
	Error string `json:"error"`
}

func newExplainCmd() *cobra.Command {
	var rulesFile, output, received string
	cmd := &cobra.Command{
		Use:   "explain --rules FILE EVENTS",
		Short: "Show for each event which rule takes it, to whom, saying what, how urgently, or why not",
		Long: "EVENTS is a file of CloudEvents in structured JSON, one after another; - reads standard input.\n" +
			"Nothing is sent. The exit code is 1 if an event would be dead-lettered.",
		Example: "  bridge explain --rules rules.yaml events.jsonl\n" +
			"  kcat -b localhost:9092 -C -t member.promo -e -q | bridge explain --rules rules.yaml -o json -",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exitError{code: exitUsage, err: errors.New("name one file of events, or -")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			at := time.Now()
			if received != "" {
				var err error
				if at, err = time.Parse(time.RFC3339, received); err != nil {
					return exitError{code: exitUsage, err: fmt.Errorf("received %q: want a time like 2026-03-01T09:00:00+08:00", received)}
				}
			}
			rules, err := mapper.Load(rulesFile, mapper.Limits{})
			if err != nil {
				return err
			}
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("read events: %w", err)
				}
				defer f.Close() //nolint:errcheck // only read
				in = f
			}
			x := explainer{rules: rules, received: at, asJSON: output == "json"}
			return x.all(in, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&rulesFile, "rules", "", "rule file")
	cmd.Flags().StringVar(&received, "received", "", "when the events reached Kafka, RFC 3339 (default now)")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json, one object an event")
	cobra.CheckErr(cmd.MarkFlagRequired("rules"))
	return cmd
}

// explainer knows what is asked about every event.
type explainer struct {
	rules    *mapper.Rules
	received time.Time
	asJSON   bool
}

// all goes through the stream of events; one that is no CloudEvent is a
// finding, one that is no JSON ends the stream.
func (e explainer) all(in io.Reader, out io.Writer) error {
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	bad := false
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read event %d: %w", n, err)
		}
		x, failed, err := explainOne(raw, e.rules, e.received)
		if err != nil {
			return err
		}
		bad = bad || failed
		x.Number = n
		if e.asJSON {
			err = enc.Encode(x)
		} else {
			err = x.print(out)
		}
		if err != nil {
			return err
		}
	}
	if bad {
		return exitError{code: exitFindings}
	}
	return nil
}

func explainOne(raw []byte, rules *mapper.Rules, at time.Time) (x explained, failed bool, err error) {
	x = explained{Received: at, Version: rules.Version(), Rules: []stepJSON{}}
	var e event.Event
	if err := e.UnmarshalJSON(raw); err != nil {
		x.Error = noCloudEvent(err)
		return x, true, nil
	}
	if err := e.Validate(); err != nil {
		x.Error = noCloudEvent(err)
		return x, true, nil
	}
	x.Event = eventJSON{Source: e.Source(), ID: e.ID(), Type: e.Type()}
	origin := intent.Origin{Source: e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: at}
	for _, step := range rules.Explain(&e, origin) {
		s := stepJSON{Rule: step.Rule, Finding: step.Finding.String(), Why: step.Why}
		switch step.Finding {
		case mapper.Matched:
			if err := s.matched(step.Intent); err != nil {
				return x, failed, err
			}
		case mapper.Failed:
			failed = true
			s.Failure = &failureJSON{Field: step.Failure.Field, Value: step.Failure.Value, Error: step.Failure.Err.Error()}
		case mapper.NotMatched, mapper.NotAsked:
		}
		x.Rules = append(x.Rules, s)
	}
	return x, failed, nil
}

// noCloudEvent puts the SDK's lines into one.
func noCloudEvent(err error) string {
	return "no CloudEvent: " + strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}

func (s *stepJSON) matched(in intent.Intent) error {
	for _, a := range in.Audiences {
		condition, err := conditionOf(a)
		if err != nil {
			return err
		}
		s.Audiences = append(s.Audiences, audienceJSON{Audience: a.String(), Condition: condition})
	}
	s.Message, s.Text, s.body = in.Message, in.Message.Text(), in.Message.Body()
	s.Delivery = deliveryOf(in)
	return nil
}

func conditionOf(a audience.Audience) (json.RawMessage, error) {
	raw, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode condition of %v: %w", a, err)
	}
	return raw, nil
}

// print writes the event for people.
func (x *explained) print(w io.Writer) error {
	var b strings.Builder
	if x.Error != "" {
		fmt.Fprintf(&b, "event %d: %s\n", x.Number, x.Error)
	} else {
		fmt.Fprintf(&b, "%s %s (%s)\n", x.Event.Source, x.Event.ID, x.Event.Type)
	}
	for _, s := range x.Rules {
		fmt.Fprintf(&b, "  %s: %s", s.Rule, s.Finding)
		if s.Why != "" {
			b.WriteString(": " + s.Why)
		}
		b.WriteString("\n")
		if f := s.Failure; f != nil {
			fmt.Fprintf(&b, "    %s: %s", f.Field, f.Error)
			if f.Value != "" {
				fmt.Fprintf(&b, " (%q)", f.Value)
			}
			b.WriteString("\n    the event would be dead-lettered\n")
		}
		for _, a := range s.Audiences {
			fmt.Fprintf(&b, "    audience  %s  %s\n", a.Audience, a.Condition)
		}
		if s.Delivery != nil {
			s.printMatched(&b, x.Received)
		}
	}
	_, err := io.WriteString(w, visible(b.String()))
	return err
}

// visible spells out what would steer a terminal: events are other people's.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (s *stepJSON) printMatched(b *strings.Builder, received time.Time) {
	d := s.Delivery
	if s.Text != "" {
		fmt.Fprintf(b, "    message   %s\n", strings.ReplaceAll(s.Text, "\n", "\n              "))
	} else {
		fmt.Fprintf(b, "    message   %s\n", s.body)
	}
	fmt.Fprintf(b, "    priority  %s\n", d.Priority)
	expired := ""
	if d.Expires.Before(received) {
		expired = ", which has passed: it would end expired"
	}
	fmt.Fprintf(b, "    push by   %s, expires %s%s\n", d.PushBy.Format(time.RFC3339), d.Expires.Format(time.RFC3339), expired)
	d.print(b)
}
