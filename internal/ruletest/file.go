package ruletest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/mapper"
)

// Suffix ends the name of a file of tests without its extension: rules_test.yaml
// stands beside rules.yaml.
const Suffix = "_test"

// File is a file of tests.
type File struct {
	Name  string
	Rules string // the path of the rule file that it tests
	tests []*test

	data []byte
}

// test is one case: a sequence of events, or one.
type test struct {
	name   string
	node   mapper.Node
	start  time.Time
	quotas map[string]int // by lane
	events []input
	single bool // one event, of which the mapping may be expected

	expect mapper.Node // zero: to be written by Update
	calls  []wantCall
	// of calls and intents: the list; zero: nothing is said of them
	callList, intentList mapper.Node
	intents              []wantIntent
	unmatched            wantText
	deadLetters          []wantText
	counts               map[string]int // of dispositions
	countNode            mapper.Node
	ends                 []wantEnd
}

// input is one record of the stream.
type input struct {
	at     time.Duration
	raw    []byte
	source string // as far as the file says it
	id     string
	value  map[string]any // the event; nil where it is raw
	node   mapper.Node
}

// monday is when a test starts that does not say: noon of a Monday.
var monday = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// Parse reads a file of tests. The name stands in errors, and the rule file is
// looked for beside it. All problems come back at once, as mapper.Parse's do. With
// drafts, tests may say no expectations: Update writes them.
func Parse(name string, data []byte, drafts bool) (*File, error) {
	d := mapper.ReadDocument(name, data, oneTest)
	f := &File{Name: name, Rules: besides(name), data: data}
	if d.Err() == nil {
		f.read(d.Root(), drafts)
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// besides is the rule file that a file of tests stands beside.
func besides(name string) string {
	ext := filepath.Ext(name)
	return strings.TrimSuffix(strings.TrimSuffix(name, ext), Suffix) + ext
}

// testsOf is the file of tests that stands beside a rule file.
func testsOf(name string) string {
	ext := filepath.Ext(name)
	return strings.TrimSuffix(name, ext) + Suffix + ext
}

// oneTest is how a test looks, for who has written none.
const oneTest = "write tests: [{name: what it shows, event: {type: member.promo, data: {…}}, expect: {dispositions: {pushed: 1}}}]"

func (f *File) read(root mapper.Node, drafts bool) {
	if v := root.Get("rules"); root.IsMap() && !root.Get("version").IsZero() && !v.IsZero() && v.IsList() {
		do := "name the file of tests, by custom " + testsOf(f.Name)
		if strings.HasSuffix(strings.TrimSuffix(f.Name, filepath.Ext(f.Name)), Suffix) {
			do = "give them a name that does not end in " + Suffix
		}
		root.Refuse("these are rules, and no tests of rules", do)
		return
	}
	if !root.Map("rules", "tests") {
		return
	}
	if v := root.Get("rules"); !v.IsZero() {
		if path, ok := v.Text(); ok && filepath.IsAbs(path) {
			f.Rules = path
		} else if ok {
			f.Rules = filepath.Join(filepath.Dir(f.Name), path)
		}
	}
	list := root.Get("tests")
	if none := list.IsZero() || list.IsList() && len(list.Items()) == 0; none {
		place := root
		if !list.IsZero() {
			place = list
		}
		place.Refuse("there are no tests in this file", oneTest)
		return
	}
	for _, n := range list.List() {
		t := readTest(n, drafts)
		if t == nil {
			continue
		}
		if slices.ContainsFunc(f.tests, func(other *test) bool { return other.name == t.name }) {
			n.Get("name").Refuse("another test has this name", "choose one that says what differs")
		}
		f.tests = append(f.tests, t)
	}
}

func readTest(n mapper.Node, drafts bool) *test {
	if !n.Map("name", "start", "quota", "event", "raw", "events", "expect") {
		return nil
	}
	t := &test{node: n, start: monday, quotas: map[string]int{}}
	if v := n.Get("name"); v.IsZero() {
		n.Refuse("the test has no name", "say what it shows")
	} else if text, ok := v.Text(); ok {
		if t.name = text; text == "" {
			v.Refuse("it is empty", "say what the test shows")
		}
	}
	if v := n.Get("start"); !v.IsZero() {
		if text, ok := v.Text(); ok {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				v.Refuse(fmt.Sprintf("%q is no instant", text), "write it like 2026-03-01T09:00:00+08:00")
			}
			t.start = at
		}
	}
	if v := n.Get("quota"); !v.IsZero() {
		t.readQuota(v)
	}
	t.readInput(n)
	t.readExpect(n, drafts)
	return t
}

// readQuota reads 10, which is the default lane's, or a map of lanes.
func (t *test) readQuota(v mapper.Node) {
	one := func(lane string, v mapper.Node) {
		if calls, ok := v.Count(); ok && calls == 0 {
			v.Refuse("want at least 1 call", "")
		} else if ok {
			t.quotas[lane] = calls
		}
	}
	if !v.IsMap() {
		one("", v)
		return
	}
	for lane, calls := range v.Members() {
		if lane == "default" {
			lane = ""
		}
		one(lane, calls)
	}
}

// readInput reads event, raw or events.
func (t *test) readInput(n mapper.Node) {
	kinds := 0
	for _, key := range []string{"event", "raw", "events"} {
		if !n.Get(key).IsZero() {
			kinds++
		}
	}
	if kinds != 1 {
		n.Refuse("want exactly one of event, events and raw", "event is one event, events are several with times, raw is a record that is no event")
		return
	}
	list := n.Get("events")
	if list.IsZero() {
		t.single = true
		t.add(n, 0)
		return
	}
	for _, item := range list.List() {
		if !item.Map("at", "event", "raw") {
			continue
		}
		if item.Get("event").IsZero() == item.Get("raw").IsZero() {
			item.Refuse("want either event or raw", "raw is a record that is no event")
			continue
		}
		var at time.Duration
		if v := item.Get("at"); !v.IsZero() {
			text, _ := v.Value().(string)
			var err error
			if at, _, err = parseMoment(text, t.start); err != nil || at < 0 {
				v.Refuse(fmt.Sprintf("%v is no time from the start on", v.Value()), "write it like 90s, 5m or 1h30m, or as an instant")
			}
		}
		t.add(item, at)
	}
	slices.SortStableFunc(t.events, func(a, b input) int { return cmp.Compare(a.at, b.at) })
}

// add takes the event or the raw record that n holds.
func (t *test) add(n mapper.Node, at time.Duration) {
	in := input{at: at}
	if v := n.Get("raw"); !v.IsZero() {
		text, _ := v.Text()
		in.raw, in.node = []byte(text), v
		t.events = append(t.events, in)
		return
	}
	in.node = n.Get("event")
	if !in.node.IsMap() {
		in.node.Refuse("want a map, the CloudEvent in its JSON form", "write {type: member.promo, data: {…}}")
		return
	}
	for _, key := range []string{"id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "specversion"} {
		if v := in.node.Get(key); !v.IsZero() {
			v.Text() // notes what is none
		}
	}
	if in.node.Get("type").IsZero() {
		in.node.Refuse("the event has no type", "write type: …; a record that is no event is written as raw: \"…\"")
		return
	}
	in.value, _ = in.node.Value().(map[string]any)
	// What a test says nothing about has a value, so that it can be short.
	for key, value := range map[string]string{"specversion": "1.0", "source": "/test", "id": strconv.Itoa(len(t.events) + 1)} {
		if _, ok := in.value[key]; !ok {
			in.value[key] = value
		}
	}
	in.name()
	t.events = append(t.events, in)
}

// name takes source and id out of the event, and encodes it.
func (in *input) name() {
	in.source, _ = in.value["source"].(string)
	in.id, _ = in.value["id"].(string)
	raw, err := json.Marshal(in.value)
	if err != nil {
		in.node.Refuse(err.Error(), "")
	}
	in.raw = raw
}

// fullName is source#id.
func (in *input) fullName() string { return in.source + "#" + in.id }
