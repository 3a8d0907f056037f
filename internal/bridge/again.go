package bridge

import (
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
)

// repeat is the end of an event that an earlier life wrote to the journal and may
// not have told: readers drop by its id what they have.
type repeat struct {
	journal.Disposition

	release bool // nothing else holds the event's offset
}

// tellMark is how far the results topic is surely up with the journal. What a crash
// leaves untold is found in the journal behind the mark; the mark is written with
// what comes next, so it is one write at most.
type tellMark struct {
	below int64 // all that the journal asks for below this offset is told
	found int64 // the journal's end when it was read back
	noted int64 // as the journal has it
	// owed holds, by partition, the last offset of what an earlier life left untold.
	// It is told when it is read; until then the mark stays.
	owed map[offset.Partition]int64
}

func newTellMark(state *journal.State, partitions []consume.Assignment) tellMark {
	t := tellMark{below: state.Told, found: state.Next, noted: state.Told, owed: make(map[offset.Partition]int64)}
	for _, a := range partitions {
		for i := range state.Untold {
			// What lies below the commit was told before that was made.
			if last := lastOf(state.Untold[i].Events[a.Partition]); last >= a.Start && last >= t.owed[a.Partition] {
				t.owed[a.Partition] = last
			}
		}
	}
	return t
}

func lastOf(set *offset.Set) int64 {
	if set == nil || set.Len() == 0 {
		return -1
	}
	runs := set.Ranges()
	return runs[len(runs)-1].Last
}

// read notes that a partition was read up to next: what is owed there is in the
// outbox, or can never be read again.
func (t *tellMark) read(p offset.Partition, next int64) {
	if last, ok := t.owed[p]; ok && next > last {
		delete(t.owed, p)
	}
}

// startJob is what a session writes before all else: outcomes for the attempts that
// have none, and the ends of calls that may not have been told. Nil: there is
// nothing.
func startJob(state *journal.State) *recordJob {
	if len(state.Unended) == 0 && len(state.UntoldCalls) == 0 {
		return nil
	}
	return &recordJob{unended: state.Unended, calls: state.UntoldCalls}
}

// promiseTold gives the job the mark to write with it, and notes whether the mark
// may rise when it is written.
func (l *loop) promiseTold(job *recordJob) {
	if job.promised { // a repetition
		return
	}
	job.promised = true
	t := &l.outbox.told
	if t.below > t.noted {
		job.notes.Told = t.below
	}
	// Writes follow each other, and what is to be told again goes before others.
	job.tellsAll = len(t.owed) == 0 && len(l.outbox.again) == 0 && l.outbox.start == nil
}

// lastMark is the write of the mark alone, at the end of a session: the next one
// has nothing to tell again.
func (l *loop) lastMark() *recordJob {
	if !l.draining || l.notOwner || l.outbox.told.below <= l.outbox.told.noted {
		return nil
	}
	return &recordJob{onlyMark: true}
}

// toldBy raises the mark by a job that is written. Who has stood still raises it no
// more: the journal may have ends that the job did not tell any more, and others
// between its records that are the next owner's to tell.
func (t *tellMark) toldBy(job *recordJob) {
	t.noted = max(t.noted, job.notes.Told)
	if job.tellsAll && !job.onlyMark && !job.stoodStill() {
		t.below = max(t.below, t.found, job.written) // nothing may have been written here yet
	}
}

// untold returns how the journal says the event at p ended, as far as that may not
// have been told.
func (k *known) untold(p offset.Position) []*journal.End {
	var ends []*journal.End
	for i := range k.state.Untold {
		if e := &k.state.Untold[i]; e.Holds(p) {
			ends = append(ends, e)
		}
	}
	return ends
}

// tellAgain puts on their way the ends of an event that may not have been told.
// What the journal does not keep of them the record and the rules say once more.
// release says that nothing else holds its offset.
func (l *loop) tellAgain(r *consume.Record, ends []*journal.End, release bool, now time.Time) {
	origin := l.originOf(r, now)
	var m mapper.Mapping
	if r.Err == nil {
		m = l.rules.rules.Map(r.Event, origin)
	}
	for i, e := range ends {
		d := e.Disposition
		d.Origin = origin
		switch d.Kind {
		case journal.Unmatched:
			d.Reason = m.Why
		case journal.DeadLettered:
			d.Reason = reasonOf(r, &m, d.Rule)
		case journal.Pushed, journal.Rejected:
			d.Parts = partsOf(&m, d.Rule)
			for j := range m.Intents {
				if in := &m.Intents[j]; in.Rule == d.Rule {
					l.unread.sign(&d, in)
				}
			}
		case journal.Expired:
			d.Reason = l.unreadReason(&m, d.Rule)
		case journal.Superseded, journal.Duplicate:
		}
		l.outbox.again = append(l.outbox.again, repeat{Disposition: d, release: release && i == len(ends)-1})
	}
}

// reasonOf says why a record could not be used.
func reasonOf(r *consume.Record, m *mapper.Mapping, rule string) string {
	if r.Err != nil {
		return r.Err.Error()
	}
	for _, f := range m.Failures {
		if f.Rule == rule {
			return f.Error()
		}
	}
	return "" // the rules have changed; the dead letter has it
}

// partsOf says how many calls an event takes under a rule; 0: not known any more.
func partsOf(m *mapper.Mapping, rule string) int {
	for i := range m.Intents {
		if m.Intents[i].Rule == rule {
			return len(m.Intents[i].Audiences)
		}
	}
	return 0
}
