package main

import "github.com/spf13/cobra"

// newRootCmd puts the subcommands together.
func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "bridge",
		Short: "CloudEvents from Kafka to a scarce push API: as few calls as possible, exactly the right people",
		// Errors are printed once, by main; a failed run is no reason to print the usage.
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return exitError{code: exitUsage, err: err}
	})
	root.AddCommand(
		newCheckCmd(),
		newDemoCmd(),
		newEmitCmd(),
		newEnvCmd(),
		newExplainCmd(),
		newPushsimCmd(),
		newRunCmd(),
		newVersionCmd(),
	)
	return root
}
