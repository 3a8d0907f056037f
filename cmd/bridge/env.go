package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pushbridge/internal/config"
)

func newEnvCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print every variable of the environment that `bridge run` reads",
		Long: `Print every variable of the environment that bridge run reads, with its default
and its meaning. A secret may also stand in a file: its variable's name with _FILE
at the end then names the file.`,
		Example: "  bridge env\n  bridge env -o json | jq -r '.[] | select(.required) | .name'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), config.Variables())
			}
			return printEnv(cmd)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func printEnv(cmd *cobra.Command) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "VARIABLE\tDEFAULT\tMEANING")
	for _, v := range config.Variables() {
		def, name := v.Default, v.Name
		if v.Required {
			def = "(required)"
		}
		if v.Secret {
			name += "[_FILE]"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, def, v.Desc)
	}
	return w.Flush()
}
