package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
	"pushbridge/internal/results"
)

// letterJSON is a letter for programs. What is no text is in base64.
type letterJSON struct {
	Letter   string       `json:"letter"`
	Reason   string       `json:"reason"`
	Error    string       `json:"error,omitempty"`
	Rule     string       `json:"rule,omitempty"`
	Of       string       `json:"of,omitempty"` // the record, as topic/partition@offset
	Time     time.Time    `json:"time,omitzero"`
	Attempts int          `json:"attempts,omitempty"`
	Code     int          `json:"error_code,omitempty"`
	PushID   string       `json:"push_id,omitempty"`
	Lane     string       `json:"lane,omitempty"`
	Omitted  int          `json:"omitted_bytes,omitempty"`
	Type     string       `json:"event_type,omitempty"`
	Source   string       `json:"event_source,omitempty"`
	ID       string       `json:"event_id,omitempty"`
	Bytes    int          `json:"bytes"`
	Headers  []headerJSON `json:"headers,omitempty"`
	Key      *bytesJSON   `json:"key,omitempty"`
	Value    *bytesJSON   `json:"value,omitempty"`
}

type headerJSON struct {
	Key string `json:"key"`
	bytesJSON
}

// bytesJSON is bytes: as text where they are.
type bytesJSON struct {
	Text   *string `json:"text,omitempty"`
	Base64 string  `json:"base64,omitempty"`
}

func bytesOf(b []byte) bytesJSON {
	if utf8.Valid(b) {
		text := string(b)
		return bytesJSON{Text: &text}
	}
	return bytesJSON{Base64: base64.StdEncoding.EncodeToString(b)}
}

func letterForPrograms(r *consume.Record, l *results.Letter, whole bool) letterJSON {
	x := letterJSON{
		Letter: nameOfLetter(r.Position), Reason: l.Reason, Error: l.Text, Rule: l.Rule, Time: l.At.UTC(), Attempts: l.Attempts,
		Code: l.Code, PushID: l.PushID, Lane: l.Lane, Omitted: l.Omitted, Bytes: len(l.Value),
	}
	if l.Of.Topic != "" {
		x.Of = l.Of.String()
	}
	if r.Event != nil {
		x.Type, x.Source, x.ID = r.Event.Type(), r.Event.Source(), r.Event.ID()
	}
	if !whole {
		return x
	}
	for _, h := range l.Headers {
		x.Headers = append(x.Headers, headerJSON{h.Key, bytesOf(h.Value)})
	}
	if l.Key != nil {
		x.Key = new(bytesOf(l.Key))
	}
	if l.Value != nil {
		x.Value = new(bytesOf(l.Value))
	}
	return x
}

func nameOfLetter(p offset.Position) string { return fmt.Sprintf("%d@%d", p.ID, p.Offset) }

func newDLQListCmd() *cobra.Command {
	s := selection{Letters: true}
	var brokers, output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, oldest first",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			desk, x, err := dlqDesk(cmd, brokers, &s)
			if err != nil {
				return err
			}
			defer desk.close()
			out := cmd.OutOrStdout()
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			enc := json.NewEncoder(out)
			enc.SetEscapeHTML(false)
			n := 0
			for r, err := range desk.merged(cmd.Context(), x.Parts) {
				if err != nil {
					return fmt.Errorf("read dead letters: %w", err)
				}
				l := results.ParseLetter(r.Key, r.Value, headersOf(r))
				if !desk.takesLetter(&s, x, r.Position, &l) || (len(s.Types) > 0 || len(s.Sources) > 0 || s.condition != nil) && !s.filter(r, new(passed)) {
					continue
				}
				if n++; output == "json" {
					if err := enc.Encode(letterForPrograms(r, &l, false)); err != nil {
						return err
					}
					continue
				}
				if n == 1 {
					fmt.Fprintln(table, "LETTER\tTIME\tREASON\tRULE\tOF\tTYPE\tERROR")
				}
				y := letterForPrograms(r, &l, false)
				of := y.Of
				if of == "" {
					of = "push " + y.PushID
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", y.Letter, y.Time.Format(time.RFC3339), y.Reason,
					orDash(cell(y.Rule)), cell(of), orDash(cell(y.Type)), cell(y.Error))
			}
			if n == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "no dead letters")
			}
			return table.Flush()
		},
	}
	s.letterFlags(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&s.Types, "type", nil, "letters of events of this type; repeatable")
	flags.StringArrayVar(&s.Sources, "source", nil, "letters of events of this source; repeatable")
	flags.StringVar(&s.Where, "where", "", "letters of events of which this is true: a CEL expression, as a rule's when")
	flags.StringVar(&brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	flags.StringVarP(&output, "output", "o", "text", "text or json: one object a line")
	return cmd
}

// cellWidth is how much of a text a table shows.
const cellWidth = 100

// cell makes one cell of a table of a text.
func cell(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if unicode.IsControl(r) {
			r = ' '
		}
		if len(out) == cellWidth {
			return string(append(out, '…'))
		}
		out = append(out, r)
	}
	return string(out)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func newDLQShowCmd() *cobra.Command {
	var brokers, output string
	var raw bool
	cmd := &cobra.Command{
		Use:   "show LETTER",
		Short: "Show one dead letter: reason, place, headers and bytes",
		Long: `Show one dead letter. Its bytes are printed as text where they are, and as a hex dump
where they are not; --raw writes exactly them, and nothing else.`,
		Example: "  bridge dlq show 0@12\n  bridge dlq show 0@12 --raw > record.bin",
		Args:    oneArg("name the letter; bridge dlq list shows them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			s := selection{Letters: true, Letter: args[0]}
			desk, x, err := dlqDesk(cmd, brokers, &s)
			if err != nil {
				return err
			}
			defer desk.close()
			r, err := desk.letter(cmd.Context(), x, args[0])
			if err != nil {
				return err
			}
			return showLetter(cmd.OutOrStdout(), r, output, raw)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&raw, "raw", false, "the record's value, byte for byte")
	flags.StringVar(&brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	flags.StringVarP(&output, "output", "o", "text", "text or json")
	apart(cmd, "raw", "output", "the record is written as it is, in no form; leave one of them out")
	return cmd
}

func showLetter(w io.Writer, r *consume.Record, output string, raw bool) error {
	if raw {
		_, err := w.Write(r.Value)
		return err
	}
	l := results.ParseLetter(r.Key, r.Value, headersOf(r))
	x := letterForPrograms(r, &l, true)
	if output == "json" {
		return printJSON(w, x)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, visible(value))
		}
	}
	row("letter", x.Letter)
	row("reason", x.Reason)
	row("error", x.Error)
	row("rule", x.Rule)
	row("of", x.Of)
	row("push", x.PushID)
	if x.Code != 0 {
		row("code", fmt.Sprint(x.Code))
	}
	if !x.Time.IsZero() {
		row("given up", stamp(x.Time))
	}
	if !r.Time.IsZero() {
		row("written", stamp(r.Time))
	}
	row("event", joinWords(x.Type, x.Source, x.ID))
	if x.Omitted > 0 {
		row("left out", fmt.Sprintf("%d bytes, more than a record holds: the original is at %s", x.Omitted, x.Of))
	}
	if l.Key != nil {
		row("key", textOrHex(l.Key))
	}
	for _, h := range l.Headers {
		row("header "+h.Key, textOrHex(h.Value))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if l.Value == nil {
		_, err := fmt.Fprintln(w, "\nno value")
		return err
	}
	body := hex.Dump(l.Value)
	if printable(l.Value) {
		body = visible(string(l.Value)) + "\n"
	}
	_, err := fmt.Fprintf(w, "\n%s:\n%s", count(len(l.Value), "byte"), body)
	return err
}

func joinWords(words ...string) string {
	out := ""
	for _, w := range words {
		if w != "" {
			if out != "" {
				out += " "
			}
			out += w
		}
	}
	return out
}

// printable says whether bytes are text.
func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
	}
	return true
}

func textOrHex(b []byte) string {
	if printable(b) {
		return string(b)
	}
	return "0x" + hex.EncodeToString(b)
}
