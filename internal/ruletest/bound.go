package ruletest

import (
	"fmt"
	"strings"
	"time"
)

// bound is what a test says of a time: "30m", "<= 2h", "1h..2h". Times are since
// the test's start; an instant is written in RFC 3339.
type bound struct {
	op        string // one of ops, or "": exactly
	low, high time.Duration
	instant   bool // as it was written
}

// ops, the longer ones first. The range stands between its ends.
var ops = []string{"<=", ">=", "<", ">"}

const rangeOp = ".."

// parseBound reads the text of a test that starts then.
func parseBound(text string, start time.Time) (bound, error) {
	b := bound{}
	rest := strings.TrimSpace(text)
	for _, op := range ops {
		if after, ok := strings.CutPrefix(rest, op); ok {
			b.op, rest = op, strings.TrimSpace(after)
			break
		}
	}
	low, high, isRange := strings.Cut(rest, rangeOp)
	if isRange && b.op == "" {
		b.op = rangeOp
	} else if isRange {
		return b, fmt.Errorf("%q: a range has no %s", text, b.op)
	}
	var err error
	if b.low, b.instant, err = parseMoment(low, start); err != nil {
		return b, err
	}
	b.high = b.low
	if isRange {
		if b.high, _, err = parseMoment(high, start); err != nil {
			return b, err
		}
		if b.high < b.low {
			return b, fmt.Errorf("%q ends before it begins", text)
		}
	}
	return b, nil
}

func parseMoment(text string, start time.Time) (time.Duration, bool, error) {
	text = strings.TrimSpace(text)
	if d, err := time.ParseDuration(text); err == nil && text != "0" {
		return d, false, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.Sub(start), true, nil
	}
	return 0, false, fmt.Errorf("%q is no time: want a duration since the start, as 30m or \"<= 2h\" or 1h..2h, or an instant", text)
}

// holds says whether the time is within the bound.
func (b bound) holds(got time.Duration) bool {
	switch b.op {
	case "<=":
		return got <= b.high
	case "<":
		return got < b.high
	case ">=":
		return got >= b.low
	case ">":
		return got > b.low
	case rangeOp:
		return b.low <= got && got <= b.high
	}
	return got == b.low
}

// at is the instant at which it is known whether the bound was kept.
func (b bound) at(start time.Time) time.Time {
	return start.Add(b.high)
}

func (b bound) text(start time.Time) string {
	write := func(d time.Duration) string {
		if b.instant {
			return start.Add(d).Format(time.RFC3339)
		}
		return span(d)
	}
	switch b.op {
	case "":
		return write(b.low)
	case rangeOp:
		return write(b.low) + rangeOp + write(b.high)
	}
	return b.op + " " + write(b.low)
}

// around returns a bound of the same kind that holds, loose enough to outlive a
// scheduler that chooses a second otherwise.
func (b bound) around(got time.Duration) bound {
	grain := grainOf(got)
	low, high := got.Truncate(grain), got.Truncate(grain)
	if high < got {
		high += grain
	}
	switch b.op {
	case "<=":
		b.low, b.high = high, high
	case "<":
		b.low, b.high = high+grain, high+grain
	case ">=":
		b.low, b.high = low, low
	case ">":
		b.low, b.high = low-grain, low-grain
	case rangeOp:
		b.low, b.high = low, max(high, low+grain)
	default:
		b.low, b.high = got, got
	}
	return b
}

// grainOf is what a time is rounded to for people.
func grainOf(d time.Duration) time.Duration {
	if d >= 10*time.Minute {
		return time.Minute
	}
	return time.Second
}

// span writes a duration without the zeros of Go's form: 2h and not 2h0m0s.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
