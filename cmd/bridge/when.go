package main

import (
	"fmt"
	"time"
)

// parseInstant reads a time, or a day in UTC.
func parseInstant(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, text)
}

// parseWhen reads the time of a flag, a day in UTC or how long ago; empty is the zero time.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago < 0 {
		return now.Add(ago), nil
	}
	at, err := parseInstant(text)
	if err != nil {
		return at, fmt.Errorf("%s %q: want a time as 2026-03-01T20:00:00Z, or how long ago as -2h, or a day (UTC) as 2026-03-01", flag, text)
	}
	return at, nil
}

// parseBetween reads --from and --to, each the zero time where it is not said.
func parseBetween(fromText, toText string, now time.Time) (from, to time.Time, err error) {
	if from, err = parseWhen("--from", fromText, now); err != nil {
		return from, to, err
	}
	if to, err = parseWhen("--to", toText, now); err != nil {
		return from, to, err
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to, fmt.Errorf("--from %s, --to %s: want a later --to", fromText, toText)
	}
	return from, to, nil
}
