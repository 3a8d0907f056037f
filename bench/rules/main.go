// Command rules writes a file of many rules, or events of which each is taken by
// one of them, for measuring what rules cost:
//
//	go run ./bench/rules rules 1000 > rules.yaml
//	go run ./bench/rules events 1000 1000000 > events.jsonl
//	bridge check rules.yaml
//	bridge simulate --rules rules.yaml --events events.jsonl
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// types are how many event types the rules are about.
const types = 10

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rules:", err)
		os.Exit(2)
	}
}

func run(w io.Writer, args []string) error {
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
	default:
		return errors.New("usage: rules rules N | rules events N EVENTS")
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
