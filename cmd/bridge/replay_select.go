package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
)

// selection is which events come again, as it was typed. Two replays of one id are
// one replay only where it is the same.
type selection struct {
	Topics       []string `json:"topics,omitempty"`
	From         string   `json:"from,omitempty"`
	To           string   `json:"to,omitempty"`
	Partition    int32    `json:"partition,omitempty"`
	FromOffset   int64    `json:"from_offset,omitempty"`
	ToOffset     int64    `json:"to_offset,omitempty"` // the first that is left out; 0: none is
	Types        []string `json:"types,omitempty"`
	Sources      []string `json:"sources,omitempty"`
	Where        string   `json:"where,omitempty"`
	Dispositions []string `json:"dispositions,omitempty"`
	Rule         string   `json:"rule,omitempty"`
	Push         string   `json:"push,omitempty"`
	Letters      bool     `json:"letters,omitempty"` // from the dead-letter topic
	Reasons      []string `json:"reasons,omitempty"` // of letters
	Letter       string   `json:"letter,omitempty"`  // the one, by its place on the dead-letter topic

	Priority     string `json:"priority,omitempty"`
	IgnoreExpiry bool   `json:"ignore_expiry,omitempty"`

	byOffset  bool // --from-offset or --to-offset was typed
	toOffset  bool // --to-offset was
	partition bool // --partition was
	condition *mapper.Condition
	priority  intent.Priority
}

// typed notes which flags were typed whose values do not say so.
func (s *selection) typed(changed func(flag string) bool) {
	s.toOffset, s.partition = changed("to-offset"), changed("partition")
	s.byOffset = s.toOffset || changed("from-offset")
}

// endings are the dispositions that choose events. What a duplicate repeats has ended
// for itself.
func endings() []string {
	var names []string
	for _, k := range journal.Kinds {
		if k != journal.Duplicate {
			names = append(names, k.String())
		}
	}
	return names
}

// check compiles the selection and says what is wrong with it.
func (s *selection) check() error {
	for _, list := range [][]string{s.Topics, s.Types, s.Sources, s.Dispositions, s.Reasons} {
		slices.Sort(list)
	}
	for _, d := range s.Dispositions {
		if d == journal.Duplicate.String() {
			return errors.New("--disposition duplicate: what it repeats has ended for itself; choose that")
		}
		if err := checkWord("disposition", d, endings()); err != nil {
			return err
		}
	}
	for _, r := range s.Reasons {
		if err := checkWord("reason", r, reasons()); err != nil {
			return err
		}
	}
	var err error
	s.priority = intent.Low
	if s.Priority != "" {
		if s.Priority == intent.Critical.String() {
			return errors.New("--priority critical: what comes again is never that; high is the most")
		}
		if err := checkWord("priority", s.Priority, []string{intent.High.String(), intent.Normal.String(), intent.Low.String()}); err != nil {
			return err
		}
		if s.priority, err = intent.ParsePriority(s.Priority); err != nil {
			return err
		}
	}
	if s.Where != "" {
		if s.condition, err = mapper.ParseCondition(s.Where); err != nil {
			return fmt.Errorf("--where: %w", err)
		}
	}
	byEnd := len(s.Dispositions) > 0
	switch {
	case s.Letter != "" && (s.From+s.To != "" || len(s.Reasons) > 0):
		return fmt.Errorf("letter %s is named: --from, --to and --reason choose among all letters; leave them or it out", s.Letter)
	case s.Letters:
	case !byEnd && len(s.Topics) == 0:
		return errors.New("want --topic, or --disposition for events that ended so")
	case !byEnd && (s.Rule != "" || s.Push != ""):
		return errors.New("--rule and --push say how an event ended: they need --disposition")
	case s.byOffset && (byEnd || len(s.Topics) != 1):
		return errors.New("--from-offset and --to-offset are of one --topic, without --disposition")
	case s.byOffset && (s.From != "" || s.To != ""):
		return errors.New("--from-offset and --to-offset exclude --from and --to")
	case !s.byOffset && s.From == "":
		return errors.New("want --from: from when on (or --from-offset)")
	case s.partition && !s.byOffset:
		return errors.New("--partition is that of --from-offset or --to-offset: give one of them, or leave it out")
	case s.Partition < 0:
		return fmt.Errorf("--partition %d: partitions count from 0", s.Partition)
	case s.FromOffset < 0:
		return fmt.Errorf("--from-offset %d: offsets count from 0", s.FromOffset)
	case s.toOffset && s.ToOffset <= s.FromOffset:
		return fmt.Errorf("--to-offset %d: want more than --from-offset %d", s.ToOffset, s.FromOffset)
	}
	_, _, err = parseBetween(s.From, s.To, time.Now()) // before anybody is asked for events
	return err
}

// isAbsolute says whether it selects the same whenever it is typed.
func (s *selection) isAbsolute() bool {
	if s.byOffset {
		return s.ToOffset > 0
	}
	_, errFrom := parseInstant(s.From)
	_, errTo := parseInstant(s.To)
	return (errFrom == nil || s.Letters && s.From == "") && (errTo == nil || s.Letter != "")
}

// fix writes the selection as its command does, so that both are one replay.
func (s *selection) fix(x *extent) {
	if s.Letter != "" {
		s.From, s.To = "", ""
		return
	}
	if s.byOffset {
		for _, p := range x.Parts {
			s.ToOffset = cmp.Or(s.ToOffset, p.Next)
		}
		return
	}
	s.To = stamp(x.To)
	if s.From != "" {
		s.From = stamp(x.From)
	}
}

// id is the name of the replay that nobody named.
func (s *selection) id() string {
	raw, err := json.Marshal(s)
	if err != nil { // it has texts and numbers, which always are JSON
		panic("replay: encode a selection: " + err.Error())
	}
	sum := sha256.Sum256(raw)
	return "r-" + hex.EncodeToString(sum[:5])
}

// extent is where a selection looks, fixed when the replay begins: whoever resumes it
// finds the same events.
type extent struct {
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"`
	Parts   []part    `json:"parts"`             // of the topics that the events are read from
	Results []part    `json:"results,omitempty"` // of the results topic
}

// part is a consume.Part as it is written.
type part struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	First     int64  `json:"first"`
	Next      int64  `json:"next"`
}

func partOf(p consume.Part) part { return part{p.Topic, p.ID, p.First, p.Next} }

func (p part) read() consume.Part {
	return consume.Part{Partition: offset.Partition{Topic: p.Topic, ID: p.Partition}, First: p.First, Next: p.Next}
}

// extentOf fixes the selection now.
func (d *replayDesk) extentOf(ctx context.Context, s *selection, now time.Time) (extent, error) {
	var x extent
	var err error
	if x.From, x.To, err = parseBetween(s.From, s.To, now); err != nil {
		return x, exitError{code: exitUsage, err: err}
	}
	if x.To.IsZero() {
		x.To = now
	}
	if !x.From.Before(x.To) {
		return x, exitError{code: exitUsage, err: fmt.Errorf("--from %s is still to come", stamp(x.From))}
	}
	topics := s.Topics
	switch {
	case s.Letters:
		topics = []string{d.cfg.Kafka.DLQTopic}
	case s.byOffset:
		x.From, x.To = time.Time{}, time.Time{}
	case len(s.Dispositions) > 0:
		topics = nil // where they are, the results say
	}
	for _, topic := range topics {
		if topic == d.cfg.Kafka.ReplayTopic {
			return x, exitError{code: exitUsage, err: fmt.Errorf("--topic %s holds what came again: choose the topic of the originals", topic)}
		}
		parts, err := d.scan.Whole(ctx, topic)
		switch {
		case err != nil && s.Letters:
			return x, fmt.Errorf("select dead letters: %w (check BRIDGE_KAFKA_DLQ_TOPIC; bridge run creates it)", err)
		case err != nil:
			return x, checkTopic(err, topic)
		}
		if err := s.checkPartition(topic, parts); err != nil {
			return x, err
		}
		for _, p := range parts {
			switch {
			case s.byOffset && p.ID != s.Partition:
				continue
			case s.byOffset:
				p.First = max(p.First, s.FromOffset)
				if s.ToOffset > 0 {
					p.Next = min(p.Next, s.ToOffset)
				}
			case !s.Letters && !x.From.IsZero():
				if p, err = d.scan.From(ctx, p, x.From); err != nil {
					return x, fmt.Errorf("select events: %w", err)
				}
			}
			x.Parts = append(x.Parts, partOf(p))
		}
	}
	told, err := d.scan.Whole(ctx, d.cfg.Kafka.ResultsTopic)
	switch {
	case errors.Is(err, consume.ErrNoTopic) && len(s.Dispositions) == 0:
	case err != nil:
		return x, fmt.Errorf("select events: %w (check BRIDGE_KAFKA_RESULTS_TOPIC)", err)
	}
	for _, p := range told {
		x.Results = append(x.Results, partOf(p))
	}
	return x, nil
}

// checkPartition says whether offsets are of one partition, and one that the topic has.
func (s *selection) checkPartition(topic string, parts []consume.Part) error {
	if !s.byOffset || slices.ContainsFunc(parts, func(p consume.Part) bool { return p.ID == s.Partition }) && (s.partition || len(parts) == 1) {
		return nil
	}
	ids := make([]string, len(parts))
	for i, p := range parts {
		ids[i] = fmt.Sprint(p.ID)
	}
	has := fmt.Sprintf("%s has partition %s", topic, ids[0])
	if len(ids) > 1 {
		has = fmt.Sprintf("%s has partitions %s", topic, inWords(ids, "and"))
	}
	if !s.partition { // the same offsets are other events in each
		return exitError{code: exitUsage, err: fmt.Errorf("%s: say by --partition of which the offsets are", has)}
	}
	return fmt.Errorf("--partition %d: %s", s.Partition, has)
}

// candidate is an event that is to come again.
type candidate struct {
	of     offset.Position // of the original
	record *consume.Record // with its event
	not    []string        // rules under which it has ended
}

// passed counts what was looked at and is none.
type passed struct {
	Undecodable int `json:"undecodable,omitempty"` // no CloudEvents
	Requests    int `json:"requests,omitempty"`    // refused pushes among the letters
	Unanswered  int `json:"unanswered,omitempty"`  // the condition cannot be answered for them
	Gone        int `json:"gone,omitempty"`        // deleted from their topic
	Settled     int `json:"settled,omitempty"`     // letters of events that have ended otherwise since

	why error // of the first that is unanswered
}

// filter says whether the event passes what the selection says of events.
func (s *selection) filter(r *consume.Record, p *passed) bool {
	if r.Err != nil {
		p.Undecodable++
		return false
	}
	e := r.Event
	if len(s.Types) > 0 && !slices.Contains(s.Types, e.Type()) || len(s.Sources) > 0 && !slices.Contains(s.Sources, e.Source()) {
		return false
	}
	if s.condition == nil {
		return true
	}
	yes, err := s.condition.Holds(e)
	if err != nil {
		if p.Unanswered++; p.why == nil {
			p.why = fmt.Errorf("%s: %w", r.Position, err)
		}
		return false
	}
	return yes
}

// command is what selects the same events whenever it is typed.
func (s *selection) command(x *extent) string {
	var b strings.Builder
	word := func(flag, value string) { fmt.Fprintf(&b, " %s %s", flag, shellWord(value)) }
	name := "bridge replay"
	if s.Letters {
		name = "bridge dlq retry"
	}
	if s.Letter != "" {
		word("", s.Letter)
	}
	for _, t := range s.Topics {
		word("--topic", t)
	}
	if s.byOffset {
		next := s.ToOffset
		for _, p := range x.Parts {
			next = cmp.Or(next, p.Next)
		}
		fmt.Fprintf(&b, " --partition %d --from-offset %d --to-offset %d", s.Partition, s.FromOffset, next)
	}
	for _, list := range []struct {
		flag   string
		values []string
	}{{"--disposition", s.Dispositions}, {"--reason", s.Reasons}, {"--type", s.Types}, {"--source", s.Sources}} {
		for _, v := range list.values {
			word(list.flag, v)
		}
	}
	for _, one := range []struct{ flag, value string }{{"--rule", s.Rule}, {"--push", s.Push}, {"--where", s.Where}, {"--priority", s.Priority}} {
		if one.value != "" {
			word(one.flag, one.value)
		}
	}
	if !x.From.IsZero() && s.Letter == "" {
		word("--from", stamp(x.From))
	}
	if !x.To.IsZero() && s.Letter == "" {
		word("--to", stamp(x.To))
	}
	if s.IgnoreExpiry {
		b.WriteString(" --ignore-expiry")
	}
	return name + strings.ReplaceAll(b.String(), "  ", " ")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// shellWord quotes what a shell would take apart.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@=,+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
