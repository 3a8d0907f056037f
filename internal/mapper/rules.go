package mapper

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"pushbridge/internal/intent"
)

// Rules is a compiled rule file. It is immutable and safe for concurrent use.
// The zero value is not usable; Load and Parse make one.
type Rules struct {
	version  string
	test     *testAudience // nil: there is none
	rules    []*rule
	lanes    []Lane
	warnings []*FileError
	gates    *gates
	language *language
	lines    []string              // of the file
	validate map[string]*validator // by event type
	dirs     []string
	remap    bool

	index ruleIndex

	scopes *sync.Pool // of *scope: scratch space, never state
}

// rule is one entry of the file.
type rule struct {
	name     string
	match    []matcher
	filters  []*filter
	types    []string // the exact types that it can match; nil: any
	when     *expression
	audience audienceSpec
	message  messageSpec
	delivery deliverySpec
	goOn     bool // `continue`
	order    int  // in the file

	line, column int           // of its name
	expressions  []placed      // for people; what is evaluated stands above
	maxRequest   int           // bytes
	test         *testAudience // of the file; nil: it has none
}

// defaultMaxRequest is the largest request where nothing else is said
// (push-api.md: the API says 10 K, older pages 8 K).
const defaultMaxRequest = 8000

// Limits are what rules must keep to and do not say themselves.
type Limits struct {
	// MaxRequestBytes is the largest push request that a rule may ask for; an
	// event that needs a larger one fails. 0: 8000.
	MaxRequestBytes int
	// After is the rules that these shall replace, nil where there are none: what
	// holds events back is the same value in both where it is equal, so that events
	// of both share calls.
	After *Rules
}

// Load reads and compiles the rule file at path.
func Load(path string, limits Limits) (*Rules, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return Parse(path, data, limits)
}

// Parse compiles a rule file's text. The name stands in errors. All problems
// come back at once: errors.Join of *FileError, in the order of their places.
func Parse(name string, data []byte, limits Limits) (*Rules, error) {
	l, err := newLoader(name, data, limits)
	if err != nil {
		return nil, err
	}
	r := l.load(data)
	if r == nil {
		return nil, l.err()
	}
	return r, nil
}

// Check compiles a rule file's text as Parse does and looks harder: it also finds
// what is legal and does not do what its author must have meant, as of now. The
// rules are nil where there is a problem among the findings, which are in the
// order of their places.
func Check(name string, data []byte, limits Limits, now time.Time) (*Rules, []*FileError, error) {
	l, err := newLoader(name, data, limits)
	if err != nil {
		return nil, nil, err
	}
	r := l.load(data)
	if r != nil {
		l.lint(now)
	}
	findings := slices.Concat(l.faults, l.warnings)
	byPlace(findings)
	return r, findings, nil
}

func newLoader(name string, data []byte, limits Limits) (*loader, error) {
	lang, err := newLanguage()
	if err != nil {
		return nil, err
	}
	gates := newGates()
	if limits.After != nil {
		gates = limits.After.gates
	}
	return &loader{
		file: name, lines: strings.Split(string(data), "\n"), language: lang, ifEmpty: "write version: 1 and rules",
		intervals: intervals{calendars: map[string]*intent.Calendar{}, dated: map[string]bool{}, unions: map[string]union{}, used: map[string]bool{}, gates: gates},
		catalog:   newCatalog(),
		zones:     map[string]*time.Location{"UTC": time.UTC}, gates: gates,
		maxRequest: cmp.Or(limits.MaxRequestBytes, defaultMaxRequest),
	}, nil
}

// load compiles the file; nil where there are problems.
func (l *loader) load(data []byte) *Rules {
	if l.root = l.tree(data); l.root != nil {
		l.rules(l.root)
	}
	if len(l.faults) > 0 {
		return nil
	}
	byPlace(l.warnings)
	sum := sha256.Sum256(append(slices.Clip(data), l.catalog.sum...))
	r := &Rules{
		version:  hex.EncodeToString(sum[:6]),
		validate: l.validators,
		dirs:     l.catalog.dirs,
		rules:    l.compiled,
		lanes:    l.lanes,
		warnings: slices.Clone(l.warnings),
		gates:    l.gates,
		language: l.language,
		lines:    l.lines,
		test:     l.test,
		remap:    l.remap,
		index:    newIndex(l.compiled),
		scopes:   &sync.Pool{New: func() any { return new(scope) }},
	}
	return r
}

// Version returns a short hash of the file's bytes and of the schemas it names:
// who has the same version has the same rules.
func (r *Rules) Version() string { return r.version }

// RemapPending says what becomes of the events that wait when these rules take
// over from others: they are mapped anew, or else keep what those made of them.
func (r *Rules) RemapPending() bool { return r.remap }

// Lanes returns the lanes and what the file says of their budgets: the default
// lane first, then the others in the file's order.
func (r *Rules) Lanes() []Lane { return slices.Clone(r.lanes) }

// Warnings returns what is legal in the file and will surprise, in the order of
// their places.
func (r *Rules) Warnings() []*FileError { return slices.Clone(r.warnings) }

// SchemaDirs returns the directories of schemas that were read beside the file.
func (r *Rules) SchemaDirs() []string { return slices.Clone(r.dirs) }

// Validations returns what happens to events that break the schema of their
// type, for the types that the file says it of.
func (r *Rules) Validations() map[string]Validation {
	all := map[string]Validation{}
	for name, v := range r.validate {
		all[name] = v.action
	}
	return all
}

// Rules returns the rules' names in the file's order.
func (r *Rules) Rules() []string {
	names := make([]string, len(r.rules))
	for i, rule := range r.rules {
		names[i] = rule.name
	}
	return names
}

// LongestExpiry returns how long an event can wait under the rules that say it by
// expire_after. One that says a time of its own may wait longer.
func (r *Rules) LongestExpiry() time.Duration {
	var longest time.Duration
	for _, rule := range r.rules {
		if rule.delivery.expireAt == nil {
			longest = max(longest, rule.delivery.expireAfter)
		}
	}
	return longest
}
