package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pushbridge/internal/config"
)

// apartOf is the annotation of a flag that holds, by turns, the flags that it does not
// go with and what to do then.
const apartOf = "bridge_apart"

// apart says that two flags do not go together, and what to do about both.
func apart(cmd *cobra.Command, a, b, do string) {
	// cobra's own check comes too late to say this; completion leaves the other out by it.
	cmd.MarkFlagsMutuallyExclusive(a, b)
	flag := cmd.Flags().Lookup(a)
	flag.Annotations[apartOf] = append(flag.Annotations[apartOf], b, do)
}

// checkApart returns the first two flags that are given and do not go together.
func checkApart(cmd *cobra.Command) error {
	var err error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		all := flag.Annotations[apartOf]
		for ; err == nil && flag.Changed && len(all) > 0; all = all[2:] {
			if cmd.Flags().Changed(all[0]) {
				err = fmt.Errorf("--%s and --%s are both given: %s", flag.Name, all[0], all[1])
			}
		}
	})
	return err
}

// neededFor is the annotation of a flag that must be given: what to do where it is not.
const neededFor = "bridge_needed"

// need says that a flag must be given, and what to give.
func need(cmd *cobra.Command, name, do string) {
	cobra.CheckErr(cmd.MarkFlagRequired(name)) // for completion; cobra's own check comes too late
	cmd.Flags().Lookup(name).Annotations[neededFor] = []string{do}
}

// checkNeeded returns all flags that must be given and are not.
func checkNeeded(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if do := flag.Annotations[neededFor]; do != nil && !flag.Changed {
			errs = append(errs, fmt.Errorf("--%s is missing: %s", flag.Name, do[0]))
		}
	})
	return errors.Join(errs...)
}

// onlyWith is the annotation of a flag that says nothing without another: that one, and
// why.
const onlyWith = "bridge_only_with"

// only says that a flag is of use only with another, and why.
func only(cmd *cobra.Command, name, with, why string) {
	cobra.CheckErr(cmd.Flags().SetAnnotation(name, onlyWith, []string{with, why}))
}

// checkOnly returns the first flag that would be taken and ignored.
func checkOnly(cmd *cobra.Command) error {
	var err error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		other := flag.Annotations[onlyWith]
		if err == nil && other != nil && given(flag) && !given(cmd.Flags().Lookup(other[0])) {
			err = fmt.Errorf("--%s goes with --%s: %s; add that, or leave --%[1]s out", flag.Name, other[0], other[1])
		}
	})
	return err
}

func given(flag *pflag.Flag) bool { return flag.Changed && flag.Value.String() != "false" }

// checkEmpty returns the first flag that is given an empty text, as by a variable of a
// shell that is not set: taken for a flag that is not given, it would be ignored. Where
// there is a default, none may be meant.
func checkEmpty(cmd *cobra.Command) error {
	var err error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if err == nil && flag.Changed && flag.Value.Type() == "string" && flag.Value.String() == "" && flag.DefValue == "" {
			err = fmt.Errorf("--%s is empty: give it a value, or leave it out", flag.Name)
		}
	})
	return err
}

// checkWord says whether a flag's value is one of the words that it takes.
func checkWord(flag, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("--%s %q: want %s%s", flag, value, inWords(known, "or"), meant(value, known))
}

// meant asks whether a known word was meant, where one is near.
func meant(word string, known []string) string {
	if near := config.Nearest(word, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// inWords is a list as it is said.
func inWords(list []string, last string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	end := len(list) - 1
	return strings.Join(list[:end], ", ") + " " + last + " " + list[end]
}

// noArgs wants no arguments: one may be a subcommand that is mistyped.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknown(cmd, args[0])
	}
	return nil
}

// atMostOneArg wants one argument or none.
func atMostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%q: %s takes one argument, and there are %d", args[1], cmd.CommandPath(), len(args))
	}
	return nil
}

// unknown says what is wrong with an argument of a command that takes none.
func unknown(cmd *cobra.Command, arg string) error {
	var known []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	if len(known) == 0 {
		return fmt.Errorf("%q: %s takes no arguments", arg, cmd.CommandPath())
	}
	do := meant(arg, known)
	if do == "" {
		do = "; there is " + inWords(known, "and")
	}
	return fmt.Errorf("unknown command %q for %q%s", arg, cmd.CommandPath(), do)
}

// flagError says in words of ours what a flag's value should be: the parsers of numbers
// and durations name themselves, and no example.
func flagError(cmd *cobra.Command, err error) error {
	if none, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, none)
	}
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	want := map[string]string{
		"int": "a whole number, as 20", "int32": "a whole number, as 20", "int64": "a whole number, as 20",
		"uint32": "a whole number from 0 up, as 20", "uint64": "a whole number from 0 up, as 20",
		"float64": "a number, as 99.5", "duration": "a duration with its unit, as 90s or 1h30m", "bool": "true or false, or nothing",
	}[wrong.GetFlag().Value.Type()]
	if want == "" {
		return err
	}
	return fmt.Errorf("--%s %q: want %s", wrong.GetFlag().Name, wrong.GetValue(), want)
}

// unknownFlag asks whether another flag of the command was meant.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	if err.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("unknown flag: -%s", err.GetSpecifiedName())
	}
	var known []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { known = append(known, "--"+flag.Name) })
	return fmt.Errorf("unknown flag: --%s%s", err.GetSpecifiedName(), meant("--"+err.GetSpecifiedName(), known))
}
