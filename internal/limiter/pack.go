package limiter

import (
	"encoding/binary"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// instant is a wall time, in nanoseconds since the Scheduler's epoch; elapsed is
// what a clock that is never set says since then. The two never meet in one
// subtraction.
type (
	instant int64
	elapsed int64
)

func (t instant) seconds() float64 { return float64(t) / float64(time.Second) }

// plus stays at the ends of time instead of going round.
func (t instant) plus(d time.Duration) instant {
	if sum := t + instant(d); (sum < t) == (d < 0) {
		return sum
	}
	if d < 0 {
		return -1 << 63
	}
	return 1<<63 - 1
}

// begin makes the first instant that the Scheduler is told its epoch. A wall clock may
// be set back: then all is put where it belongs at the earlier instant.
func (s *Scheduler) begin(now time.Time) {
	if s.epoch.IsZero() {
		s.epoch, s.dated = now, now.Round(0)
	}
	before := s.at
	if s.tell(now); s.at < before {
		s.setBack()
	}
}

// tell keeps the three readings of an instant.
func (s *Scheduler) tell(now time.Time) { s.now, s.at, s.clock = now, s.instant(now), s.elapsed(now) }

func (s *Scheduler) instant(t time.Time) instant { return instant(t.Round(0).Sub(s.dated)) }
func (s *Scheduler) elapsed(t time.Time) elapsed { return elapsed(t.Sub(s.epoch)) }

// after and when are the time of a reading to come, told from now: so they may be
// compared, whichever clock they are by and however the wall clock was set.
func (s *Scheduler) after(e elapsed) time.Time { return s.now.Add(time.Duration(e - s.clock)) }

func (s *Scheduler) when(t instant) time.Time {
	return s.now.Add(time.Duration(t.plus(-time.Duration(s.at))))
}

// date is the time of an instant; the zero time is beyond what one can hold.
func (s *Scheduler) date(t instant) time.Time {
	if t == -1<<63 {
		return time.Time{}
	}
	return s.dated.Add(time.Duration(t)).UTC()
}

// traits is what the intents of one rule, event type and partition have in common,
// so that a million of them hold it once.
type traits struct {
	rule, kind string
	version    string // of the rules
	partition  offset.Partition
	policy     intent.Policy // without Expires, and without Key outside digests
}

// profile is the traits of so many pending items.
type profile struct {
	traits
	class *class
	users int
}

func (s *Scheduler) profileOf(in *intent.Intent) *profile {
	t := traits{rule: in.Rule, version: in.Version, kind: in.Origin.Type, partition: in.Origin.Position.Partition, policy: in.Policy}
	t.policy.Expires = time.Time{}
	if t.policy.Mode != intent.Digest {
		t.policy.Key = ""
	}
	if s.lately != nil && s.lately.traits == t {
		return s.lately
	}
	p, ok := s.profiles[t]
	if !ok {
		p = &profile{traits: t, class: s.classOf(&t.policy)}
		s.profiles[t] = p
	}
	s.lately = p
	return p
}

// release forgets a profile that the last item with it has left.
func (s *Scheduler) release(p *profile) {
	if p.users--; p.users > 0 {
		return
	}
	delete(s.profiles, p.traits)
	if s.lately == p {
		s.lately = nil
	}
	if p.class.users--; p.class.users == 0 {
		delete(s.classes, p.class.terms)
		if p.class.hours != nil {
			s.turning.remove(p.class)
		}
	}
}

// pack makes the items of an intent: one, or as many as it has parts.
func (s *Scheduler) pack(now time.Time, in *intent.Intent) *item {
	p := s.profileOf(in)
	first := item{
		profile: p, offset: in.Origin.Position.Offset, blob: blobOf(in), slot: away,
		time: s.instant(in.Origin.Time), received: s.instant(in.Origin.Received), expires: s.instant(in.Policy.Expires),
		arrived: s.elapsed(now), held: p.class.isShut(),
	}
	// The far ends of time are no instants.
	odd := !s.date(first.time).Equal(in.Origin.Time) || !s.date(first.received).Equal(in.Origin.Received) ||
		!s.date(first.expires).Equal(in.Policy.Expires)
	if len(in.Audiences) > 1 || odd {
		f := &fate{audiences: in.Audiences, open: len(in.Audiences), kind: EndPushed}
		if odd {
			whole := *in
			f.whole = &whole
		}
		first.fate = f
		f.parts = make([]item, len(in.Audiences))
		for n := range f.parts {
			f.parts[n] = first
		}
		p.users += len(f.parts)
		return &f.parts[0]
	}
	p.users++
	return &first
}

// unpack is what was packed; times are in UTC.
func (s *Scheduler) unpack(i *item) *intent.Intent {
	f := i.fate
	if f != nil && f.whole != nil {
		return f.whole
	}
	t := &i.profile.traits
	in := &intent.Intent{Origin: s.origin(i), Rule: t.rule, Version: t.version, Message: i.unit.message, Policy: t.policy}
	in.Policy.Expires = s.date(i.expires)
	if t.policy.Mode != intent.Digest {
		in.Policy.Key = i.key()
	}
	if f != nil && len(f.audiences) > 0 {
		in.Audiences = f.audiences
	} else {
		in.Audiences = []audience.Audience{i.audience()}
	}
	return in
}

func (s *Scheduler) origin(i *item) intent.Origin {
	if i.fate != nil && i.fate.whole != nil {
		return i.fate.whole.Origin
	}
	o := intent.Origin{
		Position: i.position(), Type: i.profile.kind, Time: s.date(i.time), Received: s.date(i.received),
	}
	rest := i.blob
	o.Source, rest = cut(rest)
	o.ID, rest = cut(rest)
	_, rest = cut(rest)
	o.CorrelationID, rest = cut(rest)
	o.Traceparent, rest = cut(rest)
	o.ReplayID, rest = cut(rest)
	o.ReplayOf, rest = cut(rest)
	if rest != "" {
		o.Key = []byte(rest[1:])
	}
	return o
}

func (i *item) position() offset.Position {
	return offset.Position{Partition: i.profile.partition, Offset: i.offset}
}

// key is the policy's key.
func (i *item) key() string {
	_, rest := cut(i.blob)
	_, rest = cut(rest)
	key, _ := cut(rest)
	return key
}

// blobOf puts an intent's own texts into one: each with its length in front, the
// record's key last, behind a byte that says that there is one.
func blobOf(in *intent.Intent) string {
	o := &in.Origin
	key := in.Policy.Key
	if in.Policy.Mode == intent.Digest {
		key = ""
	}
	b := make([]byte, 0, 256)
	for _, text := range [...]string{o.Source, o.ID, key, o.CorrelationID, o.Traceparent, o.ReplayID, o.ReplayOf} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	if o.Key != nil {
		b = append(append(b, 1), o.Key...)
	}
	return string(b)
}

// cut takes the first text off a blob. A length is a few bytes, so it is read
// here and not by package binary, which would want a slice.
func cut(blob string) (text, rest string) {
	n, shift := 0, 0
	for {
		c := blob[0]
		blob = blob[1:]
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			return blob[:n], blob[n:]
		}
		shift += 7
	}
}
