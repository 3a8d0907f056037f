package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/mapper"
	"pushbridge/internal/simulate"
)

// budgets puts the lanes together: those of the rules, with what the flags say
// instead.
func (f *simulateFlags) budgets(c *simulate.Config) error {
	c.Lanes = c.Rules.Lanes()
	for _, text := range f.quotas {
		lane, calls, err := parseQuota(text, c.Lanes)
		if err != nil {
			return fmt.Errorf("quota %q: %w", text, err)
		}
		lane.Terms.Calls = calls
	}
	for i := range c.Lanes {
		t := &c.Lanes[i].Terms
		t.Interval = f.interval
		if t.Calls == 0 {
			t.Calls = simulateQuota
		}
		switch f.window {
		case "24h":
			t.Day = nil
		case "day":
			t.Day = c.Location
		}
		if err := t.Check(); err != nil {
			return err
		}
	}
	for _, text := range f.quotasAt {
		when, quota, _ := strings.Cut(text, "=")
		after, err := time.ParseDuration(when)
		if err != nil || after < 0 {
			return fmt.Errorf("quota-at %q: want a time since the first event and calls, as 12h=200 or 12h=LANE=200", text)
		}
		lane, calls, err := parseQuota(quota, c.Lanes)
		if err != nil {
			return fmt.Errorf("quota-at %q: %w", text, err)
		}
		c.Changes = append(c.Changes, simulate.Change{After: after, Lane: lane.Name, Calls: calls})
	}
	return nil
}

// namesLane says whether a quota is that of a lane with a name.
func namesLane(quota string) bool { return strings.Contains(quota, "=") }

// parseQuota reads "100", which is the default lane's, or "LANE=100".
func parseQuota(text string, lanes []mapper.Lane) (*mapper.Lane, int, error) {
	name, number, named := strings.Cut(text, "=")
	if !named {
		name, number = "", text
	}
	calls, err := strconv.Atoi(number)
	if err != nil || calls < 1 {
		return nil, 0, errors.New("want at least 1 call, as 100 or LANE=100")
	}
	i := slices.IndexFunc(lanes, func(l mapper.Lane) bool { return l.Name == name })
	if i < 0 {
		return nil, 0, fmt.Errorf("the rules have no lane %q", name)
	}
	return &lanes[i], calls, nil
}
