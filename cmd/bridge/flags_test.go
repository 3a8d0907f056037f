package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A value that a flag of any command cannot take is told in our words, with what is
// wanted: the names of parsers help nobody.
func TestFlagsSayWhatTheyWant(t *testing.T) {
	t.Attr("guards", "every flag's type has words")
	t.Parallel()
	seen := map[string]bool{}
	eachCommand(newRootCmd(), func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		eachFlag(cmd, func(flag *pflag.Flag) {
			const garbage = "no such value"
			err := cmd.ParseFlags([]string{"--" + flag.Name + "=" + garbage})
			if err == nil {
				return // a text, which the command itself looks at
			}
			seen[flag.Value.Type()] = true
			if said := flagError(cmd, err).Error(); !strings.HasPrefix(said, "--"+flag.Name+` "`+garbage+`": want `) {
				t.Errorf("%s --%s (%s): %s", cmd.CommandPath(), flag.Name, flag.Value.Type(), said)
			}
		})
	})
	for _, kind := range []string{"int", "int32", "int64", "uint64", "float64", "duration", "bool"} {
		if !seen[kind] {
			t.Errorf("no flag of type %s was looked at", kind)
		}
	}
}

// Whoever forgets a flag that must be given, or mistypes a subcommand, is told in our
// words what to do.
func TestFlagsThatMustBeGivenSayWhy(t *testing.T) {
	t.Attr("guards", "every required flag says what it is for")
	t.Parallel()
	needed := 0
	eachCommand(newRootCmd(), func(cmd *cobra.Command) {
		eachFlag(cmd, func(flag *pflag.Flag) {
			if flag.Annotations[cobra.BashCompOneRequiredFlag] == nil {
				return
			}
			if needed++; flag.Annotations[neededFor] == nil {
				t.Errorf("%s --%s: required by cobra; want need()", cmd.CommandPath(), flag.Name)
			}
		})
		if err := cmd.ValidateArgs([]string{"a", "b", "c"}); err != nil && strings.Contains(err.Error(), "arg(s)") {
			t.Errorf("%s: %v: cobra's words", cmd.CommandPath(), err)
		}
	})
	if needed < 4 {
		t.Errorf("%d flags are required, want 4 or more", needed)
	}
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, do)
	}
}

// eachFlag visits the flags of a command, and those of its parents that it takes too.
func eachFlag(cmd *cobra.Command, do func(*pflag.Flag)) {
	var all []*pflag.Flag // do may parse, which adds to the set that is walked
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { all = append(all, flag) })
	cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) { all = append(all, flag) })
	for _, flag := range all {
		do(flag)
	}
}
