package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const approvalsPath = "/api/v1/approvals"

func newApproveCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve",
		Short: "List what waits for approval, and approve of it",
		Long: `Rules with approve hold each message until so many people have approved of it.
What is approved is the text as it was read: another text of the same rule needs an
approval of its own, events of the same text do not.`,
		Example: `  bridge approve list
  bridge approve grant 3f0c… --comment "read it, facts are right"`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return exitError{code: exitUsage, err: errors.New("say what to do: list or grant\nsee bridge approve --help")}
		},
	}
	cmd.AddCommand(newApproveListCmd(), newApproveGrantCmd())
	return cmd
}

func newApproveListCmd() *cobra.Command {
	var admin adminFlags
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "What waits for approval: message, audience, until when, who approved",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), admin.timeout)
			defer cancel()
			var list approvals
			code, err := askBridge(ctx, admin.at(approvalsPath), nil, &list)
			switch {
			case err != nil:
				return err
			case code != http.StatusOK:
				return fmt.Errorf("%s: there is no list of approvals there: run a bridge that has it", admin.at(approvalsPath))
			case list.Error != "":
				return errors.New(list.Error)
			}
			return printApprovals(cmd.OutOrStdout(), cmd.ErrOrStderr(), output, &list)
		},
	}
	admin.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func printApprovals(w, talk io.Writer, output string, list *approvals) error {
	if output == "json" {
		return printJSON(w, list)
	}
	var b strings.Builder
	for i := range list.Waiting {
		a := &list.Waiting[i]
		fmt.Fprintf(&b, "%s  %s  until %s, %d of %d approved\n", a.ID, a.Rule, a.Until.Format(time.RFC3339), len(a.Approved), a.By)
		if a.Key != "" {
			fmt.Fprintf(&b, "  key       %s\n", a.Key)
		}
		fmt.Fprintf(&b, "  message   %q\n  audience  %s\n  events    %d\n", a.Text, strings.Join(a.Audience, ", "), a.Events)
		for _, g := range a.Approved {
			fmt.Fprintf(&b, "  approved  %s by %s: %q\n", g.At.Format(time.RFC3339), g.Author, g.Comment)
		}
	}
	if _, err := io.WriteString(w, visible(b.String())); err != nil {
		return fmt.Errorf("print what waits: %w", err)
	}
	switch more := list.Total - len(list.Waiting); {
	case list.Total == 0:
		fmt.Fprintln(talk, "Nothing waits for approval.")
	case more > 0:
		fmt.Fprintf(talk, "and %d more\n", more)
	}
	return nil
}

func newApproveGrantCmd() *cobra.Command {
	var admin adminFlags
	var ask grantAsk
	cmd := &cobra.Command{
		Use:   "grant ID",
		Short: "Approve of a message that waits",
		Args:  oneArg("name the approval; bridge approve list shows them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.ID = args[0]
			if ask.Author == "" {
				me, err := user.Current()
				if err != nil {
					return exitError{code: exitUsage, err: fmt.Errorf("look up the user's name: %w (say it with --author)", err)}
				}
				ask.Author = me.Username
			}
			if err := ask.check(); err != nil {
				return exitError{code: exitUsage, err: err}
			}
			body, err := json.Marshal(ask)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), admin.timeout)
			defer cancel()
			var answer grantAnswer
			code, err := askBridge(ctx, admin.at(approvalsPath), body, &answer)
			switch {
			case err != nil:
				return err
			case answer.Error != "":
				return errors.New(answer.Error)
			case code != http.StatusOK:
				return fmt.Errorf("%s: nobody takes approvals there: run a bridge that does", admin.at(approvalsPath))
			}
			if answer.Missing > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "Approved by %s; %s must approve too.\n", ask.Author, people(answer.Missing))
				return nil
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Approved by %s; %s released.\n", ask.Author, count(answer.Released, "event"))
			return nil
		},
	}
	admin.add(cmd)
	cmd.Flags().StringVar(&ask.Author, "author", "", "who approves (default: the user of this machine)")
	cmd.Flags().StringVar(&ask.Comment, "comment", "", "what the journal keeps beside the name")
	need(cmd, "comment", "say what the journal keeps beside your name, as --comment 'read by two of us'")
	return cmd
}

// people is how many others must act.
func people(n int) string {
	if n == 1 {
		return "one more person"
	}
	return fmt.Sprintf("%d more people", n)
}
