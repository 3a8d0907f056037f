package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/shadow"
)

func newPromoteCmd() *cobra.Command {
	var admin adminFlags
	var output string
	var execute bool
	cmd := &cobra.Command{
		Use:   "promote",
		Short: "Say what the shadow rules would do otherwise, and with --execute put them into use",
		Long: `Ask a running bridge what its shadow rules (BRIDGE_SHADOW_RULES_FILE) would do
otherwise than the rules in use, and print it. With --execute the bridge writes
them over its rule file, keeps the old one beside it as .previous, and goes on by
them. Where it may not write the file, as a mounted ConfigMap's, nothing changes and
the answer says what to do instead.`,
		Example: `  bridge promote                                what would be otherwise
  bridge promote --execute                      go on by the shadow rules`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), admin.timeout)
			defer cancel()
			var s shadowStatus
			code, err := askBridge(ctx, admin.at("/api/v1/shadow"), nil, &s)
			if err != nil {
				return err
			}
			if code == http.StatusNotFound {
				return fmt.Errorf("there are no shadow rules at %s: set BRIDGE_SHADOW_RULES_FILE and restart the bridge, or mend --url", admin.at(""))
			}
			if err := printShadow(cmd.OutOrStdout(), output, &s); err != nil {
				return err
			}
			switch {
			case len(s.Problems) > 0:
				return fmt.Errorf("the shadow rule file is wrong:\n%s", strings.Join(s.Problems, "\n"))
			case s.State == shadow.StateOff:
				return errors.New("there is nothing to promote: the shadow rules are missing, or are what is in use")
			case !execute:
				fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was changed. With --execute the bridge goes on by these rules.")
				return nil
			}
			return promote(ctx, cmd.ErrOrStderr(), admin.at("/api/v1/shadow/promote"), s.ShadowVersion)
		},
	}
	admin.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVar(&execute, "execute", false, "put the shadow rules into use")
	return cmd
}

// promote asks the bridge to go on by the version that was looked at.
func promote(ctx context.Context, talk io.Writer, url, version string) error {
	body, err := json.Marshal(map[string]string{"shadow_version": version})
	if err != nil {
		return err
	}
	var answer promoted
	code, err := askBridge(ctx, url, body, &answer)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		text := answer.Error
		if answer.Reload != nil {
			text = strings.Join(append([]string{"the rules stay as they were:"}, answer.Reload.Problems...), "\n")
		}
		if answer.Do != "" {
			text += "\n" + answer.Do
		}
		return errors.New(text)
	}
	fmt.Fprintf(talk, "The bridge goes on by version %s; the file before is %s.\n", answer.Reload.RulesVersion, answer.Kept)
	return nil
}

func printShadow(w io.Writer, output string, s *shadowStatus) error {
	if output == "json" {
		return printJSON(w, s)
	}
	if s.Status == nil || s.State == shadow.StateOff {
		return nil
	}
	fmt.Fprintf(w, "%s: version %s beside %s, %s since %s\n", s.File, s.ShadowVersion, s.RulesVersion, s.State, s.Since.Format(time.DateTime+" MST"))
	if s.Error != "" {
		fmt.Fprintf(w, "it has failed: %s\n", s.Error)
	}
	fmt.Fprintf(w, "%d events, %d would end otherwise", s.Events, s.Differing)
	if s.Skipped > 0 {
		fmt.Fprintf(w, ", %d left out for want of room", s.Skipped)
	}
	fmt.Fprint(w, "\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tlive\tshadow")
	row := func(name string, of func(*shadow.Outcome) any) {
		fmt.Fprintf(table, "%s\t%v\t%v\n", name, of(&s.Live), of(&s.Shadow))
	}
	row("calls", func(o *shadow.Outcome) any { return o.Calls })
	row("calls of 24 h", func(o *shadow.Outcome) any { return o.CallsDay })
	row("mean delay", func(o *shadow.Outcome) any {
		return time.Duration(o.MeanDelay * float64(time.Second)).Round(time.Second)
	})
	for _, d := range []string{"pushed", "superseded", "duplicate", "expired", "unmatched", "dead-lettered"} {
		if s.Live.Ends[d]+s.Shadow.Ends[d] > 0 {
			row(d, func(o *shadow.Outcome) any { return o.Ends[d] })
		}
	}
	for _, what := range shadow.Differences {
		if n := s.By[what]; n > 0 {
			fmt.Fprintf(table, "another %s\t\t%d\n", what, n)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, d := range slices.Backward(s.Examples[max(0, len(s.Examples)-5):]) {
		fmt.Fprintf(w, "\n%s#%s (%s): another %s\n", d.EventSource, d.EventID, d.EventType, strings.Join(d.Differs, ", "))
		for _, side := range []struct {
			name string
			asks []shadow.Ask
		}{{"live  ", d.Live}, {"shadow", d.Shadow}} {
			for _, a := range side.asks {
				fmt.Fprintf(w, "  %s  %s\n", side.name, askLine(&a))
			}
		}
	}
	return nil
}

func askLine(a *shadow.Ask) string {
	if a.Audience == "" {
		return strings.TrimSpace(a.Rule + " " + a.Disposition + ": " + a.Reason)
	}
	return fmt.Sprintf("%s %s: %q to %s, %s", a.Rule, a.Disposition, a.Text, a.Audience, a.Priority)
}
