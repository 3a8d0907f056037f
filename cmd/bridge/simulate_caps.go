package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"pushbridge/internal/simulate"
)

// What a quota costs (push-api.md): so many calls a day are included, and each that
// a higher cap allows costs a standing fee every day, used or not.
const (
	includedCalls = 100
	feePerCall    = 10 // USD a day
)

func (f *simulateFlags) checkCaps() error {
	if len(f.capTexts) == 0 {
		return nil
	}
	for text := range strings.SplitSeq(strings.Join(f.capTexts, ","), ",") {
		calls, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || calls < 1 {
			return fmt.Errorf("caps %q: want calls a window, 1 or more, separated by commas: --caps 50,100,150", text)
		}
		f.caps = append(f.caps, calls)
	}
	slices.Sort(f.caps)
	f.caps = slices.Compact(f.caps)
	if len(f.quotas) > 0 && slices.ContainsFunc(f.quotas, func(q string) bool { return !namesLane(q) }) {
		return fmt.Errorf("quota: the caps are those of the default lane; --quota LANE=CALLS is another's")
	}
	return nil
}

// beyond is a cap above the largest, which says what a call more than that would
// buy.
func beyond(largest int) int { return largest + max(1, largest/10) }

// ofCaps is a run for each cap, and one for the cap beyond.
func (f *simulateFlags) ofCaps(cfg simulate.Config) ([]simulate.Config, error) {
	all := append(slices.Clone(f.caps), beyond(f.caps[len(f.caps)-1]))
	configs := make([]simulate.Config, len(all))
	for i, calls := range all {
		c := cfg
		c.Lanes = slices.Clone(cfg.Lanes)
		c.Lanes[0].Terms.Calls = calls // the default lane is the first
		if err := c.Lanes[0].Terms.Check(); err != nil {
			return nil, exitError{code: exitUsage, err: fmt.Errorf("caps: %d calls do not go with the rules: %w", calls, err)}
		}
		configs[i] = c
	}
	return configs, nil
}

func (s *simulation) advice() []simulate.Cap {
	caps := s.flags.caps
	return simulate.Advise(append(slices.Clone(caps), beyond(caps[len(caps)-1])), s.reports)
}

// capJSON is one cap for programs.
type capJSON struct {
	Calls  int        `json:"calls"`
	Fee    int        `json:"fee_usd_per_day"` // standing, used or not
	More   gainJSON   `json:"one_more_call_per_day"`
	Report reportJSON `json:"report"`
}

// gainJSON is what one call more brings on each day; negative: it loses that.
type gainJSON struct {
	Expired  float64 `json:"fewer_expired_per_day"`
	Missed   float64 `json:"fewer_missed_per_day"`
	Critical float64 `json:"fewer_critical_missed_per_day"`
	Delay    float64 `json:"mean_delay_grows_by_seconds"` // more is pushed
	Fee      int     `json:"fee_usd_per_day"`
}

func fee(calls int) int { return max(0, calls-includedCalls) * feePerCall }

func printCaps(w io.Writer, output string, caps []simulate.Cap, source *recorded) error {
	if output == "json" {
		all := make([]capJSON, len(caps))
		for i := range caps {
			c := &caps[i]
			all[i] = capJSON{Calls: c.Calls, Fee: fee(c.Calls), Report: reportForPrograms(&c.Report, source), More: gainJSON{
				Expired: c.More.Expired, Missed: c.More.Missed, Critical: c.More.Critical, Delay: c.More.Delay.Seconds(), Fee: fee(c.Calls+1) - fee(c.Calls),
			}}
		}
		return printJSON(w, map[string][]capJSON{"caps": all})
	}
	r := &caps[0].Report
	fmt.Fprintf(w, "events %d, %s, %.1f days\n\n", r.Events, span(r), r.Days())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "cap\tUSD a day\tcalls a day\tpushed\tlate\texpired\tcritical missed\tmean delay\tp99\t")
	for i := range caps {
		c := &caps[i]
		r := &c.Report
		fmt.Fprintf(t, "%d\t%d\t%.1f\t%d\t%d\t%d\t%d\t%s\t%s\t\n", c.Calls, fee(c.Calls), float64(r.Calls)/r.Days(), r.Ends.Pushed, lateOf(r), r.Ends.Expired,
			r.CriticalMissed(), readable(r.MeanDelay()), readable(worstP99(r)))
	}
	flush(t)
	fmt.Fprintln(w, "\none more call a day would buy, every day")
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "at a cap of\tfor USD\tfewer expired\tfewer missed\tof them critical\tmean delay\t")
	for i := range caps {
		c := &caps[i]
		fmt.Fprintf(t, "%d\t%d\t%.2f\t%.2f\t%.2f\t%s\t\n", c.Calls, fee(c.Calls+1)-fee(c.Calls), c.More.Expired, c.More.Missed, c.More.Critical, signed(c.More.Delay))
	}
	flush(t)
	_, err := fmt.Fprintf(w, "\nmissed: late or never pushed. The fee is that of the default edition: %d calls are included, each more costs %d USD a day, used or not.\n", includedCalls, feePerCall)
	return err
}

func signed(d time.Duration) string {
	if d > 0 {
		return "+" + readable(d).String()
	}
	return readable(d).String()
}

func lateOf(r *simulate.Report) int {
	n := 0
	for i := range r.Priorities {
		n += r.Priorities[i].Late
	}
	return n
}

// worstP99 is the highest of the priorities' 99th percentiles.
func worstP99(r *simulate.Report) time.Duration {
	var worst time.Duration
	for i := range r.Priorities {
		worst = max(worst, r.Priorities[i].Delay.P99)
	}
	return worst
}
