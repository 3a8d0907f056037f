package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// policy says when a pending batch goes. It is asked only where a call is legal.
type policy interface {
	// arrive tells of an ask before it is pending.
	arrive(a *ask)
	// lost tells what a call would have been worth whose asks expired.
	lost(now time.Duration, value float64)
	// next returns the batch to send at now, or when to ask again unless
	// something arrives before.
	next(now time.Duration, p *pool, b *budget) (*batch, time.Duration)
}

// never is an instant that no trace reaches.
const never = time.Duration(1<<63 - 1)

// deaf is a policy's ear where it does not care.
type deaf struct{}

func (deaf) arrive(*ask)                 {}
func (deaf) lost(time.Duration, float64) {}

// driver plays a trace to a policy in virtual time.
type driver struct {
	trace  *trace
	policy policy
	pool   *pool
	budget *budget
	random *rand.Rand // latencies
	log    pushLog
	now    time.Duration
	next   int // of trace.asks
}

// The API answers ok, within these, in whole milliseconds by the seed.
const leastLatency, mostLatency = 60 * time.Millisecond, 300 * time.Millisecond

// drive returns what the policy makes of the trace.
func drive(t *trace, by policy, o playOptions) (pushLog, error) {
	d := &driver{
		trace: t, policy: by, pool: newPool(o.plain), budget: &budget{quota: o.quota},
		random: rand.New(rand.NewPCG(o.seed, 0)),
	}
	for {
		if err := d.catchUp(); err != nil {
			return nil, err
		}
		wake := d.budget.legal(d.now)
		if wake == d.now && len(d.pool.batches) > 0 {
			b, ask := by.next(d.now, d.pool, d.budget)
			if b != nil {
				if err := d.send(b); err != nil {
					return nil, err
				}
				continue
			}
			wake = ask
		}
		expiry, pending := d.pool.nextExpiry()
		switch {
		case pending:
			wake = min(wake, expiry)
		case d.next == len(t.asks):
			return d.log, nil
		default:
			wake = never
		}
		if d.next < len(t.asks) {
			wake = min(wake, t.asks[d.next].arrived)
		}
		d.now = max(wake, d.now+tick)
	}
}

// playOptions are what a policy is played under.
type playOptions struct {
	quota int
	seed  uint64
	plain bool // the pool merges nothing
}

// catchUp lets happen what happens by now without a call.
func (d *driver) catchUp() error {
	for d.next < len(d.trace.asks) && d.trace.asks[d.next].arrived <= d.now {
		a := d.trace.asks[d.next]
		d.next++
		a.waitsFor = nil // of an earlier play
		d.policy.arrive(a)
		if ended, by := d.pool.add(a); ended != nil {
			d.end(ended, "superseded", by)
		}
	}
	for _, a := range d.pool.expire(d.now, func(value float64) { d.policy.lost(d.now, value) }) {
		d.end(a, "expired", nil)
	}
	return nil
}

func (d *driver) end(a *ask, as string, by *ask) {
	l := line{Kind: kindDisposition, Event: a.name, Disposition: as, At: d.trace.start.Add(d.now)}
	if by != nil {
		l.By = by.name
	}
	d.log = append(d.log, l)
}

func (d *driver) send(b *batch) error {
	response := d.now + leastLatency + time.Duration(d.random.Int64N(int64((mostLatency-leastLatency)/tick)+1))*tick
	d.budget.spend(response)
	l := line{Kind: kindPush, SentAt: d.trace.start.Add(d.now), ResponseAt: d.trace.start.Add(response), Outcome: "ok"}
	var err error
	if l.Condition, err = conditionOf(b.audience); err != nil {
		return fmt.Errorf("send batch %d: %w", b.id, err)
	}
	for _, u := range b.units {
		var elements []json.RawMessage
		if err := json.Unmarshal(u.slot.message.Body(), &elements); err != nil {
			return fmt.Errorf("send batch %d: %w", b.id, err)
		}
		l.MsgBody = append(l.MsgBody, elements...)
	}
	for _, x := range d.pool.take(b) {
		c := cover{Event: x.ask.name}
		if len(x.ask.in.Audiences) > 1 {
			if c.Part, err = conditionOf(x.audience); err != nil {
				return fmt.Errorf("send batch %d: %w", b.id, err)
			}
		}
		l.Covers = append(l.Covers, c)
	}
	d.log = append(d.log, l)
	return nil
}
