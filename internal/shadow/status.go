package shadow

import (
	"time"

	"pushbridge/internal/offset"
)

// The states of a Runner.
const (
	StateOff       = "off"       // there is no candidate, or it says what the live file says
	StateComparing = "comparing" //
	StateFailed    = "failed"    // Error says why; the live rules are not touched
)

// Status is what was found since a comparison began.
type Status struct {
	State             string           `json:"state"`
	Error             string           `json:"error,omitempty"`
	RulesVersion      string           `json:"rules_version,omitempty"`
	ShadowVersion     string           `json:"shadow_version,omitempty"`
	Since             time.Time        `json:"since,omitzero"`
	Events            int64            `json:"events"`       // played by both
	Skipped           int64            `json:"skipped"`      // left out by both: there was no room
	Open              int              `json:"open"`         // not ended under both
	Differing         int64            `json:"differing"`    // of those that have ended
	DifferencesTold   int64            `json:"told"`         // each on the results topic
	DifferencesUnsaid int64            `json:"not_told"`     // beyond the rate
	By                map[string]int64 `json:"by,omitempty"` // events by what differs
	Live              Outcome          `json:"live"`
	Shadow            Outcome          `json:"shadow"`
	Examples          []Difference     `json:"examples,omitempty"` // the latest, oldest first
}

// Outcome is what became of the events by one file, in virtual delivery.
type Outcome struct {
	Calls     int64            `json:"calls"`
	CallsDay  int              `json:"calls_of_24h"`
	Ends      map[string]int64 `json:"ends"`               // by disposition
	MeanDelay float64          `json:"mean_delay_seconds"` // of what was pushed
}

// Difference is one event by both files.
type Difference struct {
	Position    offset.Position `json:"-"`
	Topic       string          `json:"topic"`
	Partition   int32           `json:"partition"`
	Offset      int64           `json:"offset"`
	EventSource string          `json:"event_source"`
	EventID     string          `json:"event_id"`
	EventType   string          `json:"event_type"`
	Differs     []string        `json:"differs"` // what, of Differences
	Live        []Ask           `json:"live"`
	Shadow      []Ask           `json:"shadow"`
}

// Ask is what an event asked for under one rule, and how it ended.
type Ask struct {
	Rule        string `json:"rule,omitempty"`
	Disposition string `json:"disposition"`
	Audience    string `json:"audience,omitempty"`
	Text        string `json:"text,omitempty"`
	Priority    string `json:"priority,omitempty"`
	Lane        string `json:"lane,omitempty"`
	Reason      string `json:"reason,omitempty"`

	who, message string // all of it, to be compared
}

// Differences lists what of an event can differ: the rules that take it, to whom,
// what is said, how urgently, by whose calls, and how it ends.
var Differences = []string{"rule", "audience", "message", "priority", "lane", "disposition"}

// Told is a difference or a summary, to be published. One of them is set.
type Told struct {
	Difference                  *Difference
	Summary                     *Status
	RulesVersion, ShadowVersion string
	At                          time.Time
}
