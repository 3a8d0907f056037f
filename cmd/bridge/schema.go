package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pushbridge/schemas"
)

func newSchemaCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "JSON Schemas: of the rule file, of events, of results; drafts from events that were seen",
		Long: `Print the JSON Schemas that come with the bridge, or draft those of your own event
types. With the rule file's schema an editor completes and checks keys: write it
beside the rules and name it in their first line.

  bridge schema rules > rules.v1.json
  # yaml-language-server: $schema=./rules.v1.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newSchemaOfCmd("rules", "Print the schema of the rule file", "rules.v1.json"),
		newSchemaOfCmd("tests", "Print the schema of files of tests, rules_test.yaml", "rules_test.v1.json"),
		newSchemaOfCmd("explanation", "Print the schema of a line of bridge explain -o json", "explanation.v1.json"),
		newShippedCmd("event", "Print the schema of an event type's data, or the types there are", "events", ""),
		newShippedCmd("results", "Print the schema of a type of result events, or the types there are", ".", "bridge."),
		newSchemaInferCmd(),
	)
	return cmd
}

// newSchemaOfCmd returns a command for one embedded schema.
func newSchemaOfCmd(use, short, file string) *cobra.Command {
	return &cobra.Command{
		Use:     use,
		Short:   short,
		Example: fmt.Sprintf("  bridge schema %s > %s", use, file),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			raw, err := schemas.FS.ReadFile(file)
			if err != nil {
				return fmt.Errorf("read schema: %w", err)
			}
			_, err = cmd.OutOrStdout().Write(raw)
			return err
		},
	}
}

// newShippedCmd returns a command for the embedded schemas of a directory whose
// names begin so.
func newShippedCmd(use, short, dir, prefix string) *cobra.Command {
	return &cobra.Command{
		Use:     use + " [TYPE]",
		Short:   short,
		Example: fmt.Sprintf("  bridge schema %s\n  bridge schema %s %s", use, use, map[string]string{"event": "member.promo > schemas/member.promo.json", "results": "bridge.event.disposed.v1"}[use]),
		Args:    atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			types, err := shipped(dir, prefix)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				for _, t := range types {
					fmt.Fprintln(cmd.OutOrStdout(), t)
				}
				return nil
			}
			if !slices.Contains(types, args[0]) {
				others := "; there is " + inWords(types, "and")
				if use == "event" {
					others += ", and bridge schema infer drafts those of your own types"
				}
				return exitError{code: exitUsage, err: fmt.Errorf("no schema of %q comes with the bridge%s", args[0], cmp.Or(meant(args[0], types), others))}
			}
			raw, err := schemas.FS.ReadFile(path.Join(dir, args[0]+".json"))
			if err != nil {
				return fmt.Errorf("read schema of %s: %w", args[0], err)
			}
			_, err = cmd.OutOrStdout().Write(raw)
			return err
		},
	}
}

// shipped returns the types that have an embedded schema.
func shipped(dir, prefix string) ([]string, error) {
	entries, err := fs.ReadDir(schemas.FS, dir)
	if err != nil {
		return nil, fmt.Errorf("read embedded schemas: %w", err)
	}
	var types []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && strings.HasPrefix(name, prefix) {
			types = append(types, name)
		}
	}
	if len(types) == 0 {
		return nil, errors.New("no schema is embedded: this build is broken")
	}
	return types, nil
}
