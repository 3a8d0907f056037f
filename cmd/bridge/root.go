package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRootCmd puts the subcommands together.
func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "bridge",
		Short: "CloudEvents from Kafka to a scarce push API: as few calls as possible, exactly the right people",
		Example: `  bridge demo                                   see it work, with nothing else installed
  bridge check rules.yaml                       every mistake in the rules, with its place
  bridge explain --rules rules.yaml events.jsonl
  bridge env                                    what bridge run is configured by
  bridge run`,
		// Errors are printed once, by main; a failed run is no reason to print the usage.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		newApproveCmd(),
		newCheckCmd(),
		newDemoCmd(),
		newDLQCmd(),
		newEmitCmd(),
		newEnvCmd(),
		newExplainCmd(),
		newJournalCmd(),
		newPromoteCmd(),
		newPushsimCmd(),
		newReplayCmd(),
		newRunCmd(),
		newSchemaCmd(),
		newSimulateCmd(),
		newTestCmd(),
		newTestPushCmd(),
		newVersionCmd(),
	)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelpCmd())
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		// Without a body cobra takes any argument for a question about usage.
		completion.Args = noArgs
		for _, shell := range completion.Commands() {
			shell.Args = noArgs
		}
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	return root
}

// execute runs the command line. Whatever goes wrong before a command's own
// work has begun is the command line's fault.
func execute(ctx context.Context, root *cobra.Command) error {
	understood := false
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		// cobra looks at these only after this hook.
		if err := errors.Join(checkNeeded(cmd), checkEmpty(cmd), checkApart(cmd), checkOnly(cmd)); err != nil {
			return err
		}
		understood = true
		return nil
	}
	out := &noticed{to: root.OutOrStdout()}
	root.SetOut(out)
	cmd, err := root.ExecuteContextC(ctx)
	if understood && err != nil && !out.written && wantsJSON(cmd) {
		failJSON(out, err)
	}
	if err != nil && !understood {
		if _, ok := errors.AsType[exitError](err); !ok {
			err = fmt.Errorf("%s\nsee %s --help", strings.TrimSpace(err.Error()), cmd.CommandPath())
		}
		return exitError{code: exitUsage, err: err}
	}
	return err
}

// newHelpCmd returns `bridge help`, which unlike cobra's own fails where there
// is no such command.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = unknown(about, rest[0])
			}
			if err != nil {
				return exitError{code: exitUsage, err: err}
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
