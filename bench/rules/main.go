//go:build unix

// Command rules measures what many rules cost: it builds the bridge, and prints what
// `bridge check` and `bridge simulate` took for so many rules and events. Or it writes
// these, each event one that one of the rules takes, for other measurements:
//
//	go run ./bench/rules run 1000 1000000
//	go run ./bench/rules rules 1000 > rules.yaml
//	go run ./bench/rules events 1000 1000000 > events.jsonl
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"time"
)

// types are how many event types the rules are about.
const types = 10

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rules:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, w io.Writer, args []string) error {
	var numbers []int
	for _, arg := range args[min(1, len(args)):] {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return fmt.Errorf("%q: want a number above 0", arg)
		}
		numbers = append(numbers, n)
	}
	out := bufio.NewWriterSize(w, 1<<16)
	switch {
	case len(numbers) == 1 && args[0] == "rules":
		writeRules(out, numbers[0])
	case len(numbers) == 2 && args[0] == "events":
		writeEvents(out, numbers[0], numbers[1])
	case len(numbers) == 2 && args[0] == "run":
		return measure(ctx, w, numbers[0], numbers[1])
	default:
		return errors.New("usage: rules run N EVENTS | rules rules N | rules events N EVENTS")
	}
	return out.Flush()
}

// writeRules writes rules that share ten types and are told apart by source or by an
// extension.
func writeRules(w io.Writer, n int) {
	fmt.Fprint(w, "version: 1\nrules:\n")
	for i := range n {
		by := fmt.Sprintf("source: /team/%d", i)
		if i%2 == 1 {
			by = fmt.Sprintf("tenant: t%d", i)
		}
		fmt.Fprintf(w, `  - name: rule-%d
    match: {type: type-%d, %s}
    when: data.discount >= 0.1 && size(data.tiers) > 0
    audience: {tags_any: "${data.tiers}"}
    message: [{text: "${data.title} %d"}]
    delivery: {max_delay: 2h, expire_after: 6h}
`, i, i%types, by, i)
	}
}

// writeEvents writes events over one day.
func writeEvents(w io.Writer, rules, n int) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at := start.Add(time.Duration(i) * (24 * time.Hour / time.Duration(n))).Format("2006-01-02T15:04:05.000Z")
		rule := i * 7919 % rules
		fmt.Fprintf(w, `{"specversion":"1.0","id":"e%d","source":"/team/%d","tenant":"t%d","type":"type-%d","time":"%s","data":{"discount":0.2,"tiers":["gold","tier%d"],"title":"Offer %d"}}`+"\n",
			i, rule, rule, rule%types, at, i%5, i/(n/20+1))
	}
}
