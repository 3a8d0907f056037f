package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// flagError says in words of ours what a flag's value should be: the parsers of numbers
// and durations name themselves, and no example.
func flagError(_ *cobra.Command, err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	want := map[string]string{
		"int": "a whole number, as 20", "uint32": "a whole number from 0 up, as 20", "uint64": "a whole number from 0 up, as 20",
		"float64": "a number, as 99.5", "duration": "a duration with its unit, as 90s or 1h30m", "bool": "true or false, or nothing",
	}[wrong.GetFlag().Value.Type()]
	if want == "" {
		return err
	}
	return fmt.Errorf("--%s %q: want %s", wrong.GetFlag().Name, wrong.GetValue(), want)
}
