package bridge

import (
	"context"
	"testing"

	"pushbridge/internal/journal"
	"pushbridge/internal/results"
)

// jobWrites counts what a job writes. What it does not do is nobody's.
type jobWrites struct {
	Journal
	Teller

	recorded, ended, told int
	unsure                int // writes of dispositions yet that are answered with an error
}

func (k *jobWrites) Record(_ context.Context, ds []journal.Disposition) error {
	k.recorded += len(ds)
	if k.unsure > 0 {
		k.unsure--
		return journal.ErrUnwritable
	}
	return nil
}

func (k *jobWrites) End(_ context.Context, _ journal.Outcome, ds []journal.Disposition) error {
	k.ended += len(ds)
	return nil
}

func (k *jobWrites) Tell(_ context.Context, ds []journal.Disposition) error {
	k.told += len(ds)
	return nil
}

func (*jobWrites) TellPush(context.Context, journal.Completed) error   { return nil }
func (*jobWrites) Bury(context.Context, []results.DeadLetter) error    { return nil }
func (*jobWrites) BuryPush(context.Context, results.RefusedPush) error { return nil }
func (*jobWrites) Note(context.Context, journal.Notes) error           { return nil }
func (*jobWrites) Written() int64                                      { return 9 }

// Promise: one writer. Who stood still past its session writes what its call has
// decided, and nothing that it had only thought of. What of that is in the journal
// already stays untold there, for the next owner: the mark does not pass it.
func TestWhoStoodStillTellsOnlyWhatItsCallDecided(t *testing.T) {
	t.Attr("promise", "one-writer")
	ended := journal.Disposition{Kind: journal.Superseded}
	for name, tt := range map[string]struct {
		lapsed func() bool
		unsure int
		want   jobWrites
		mark   int64
	}{
		"owner":                 {func() bool { return false }, 0, jobWrites{recorded: 1, ended: 1, told: 2}, 9},
		"owner, written twice":  {func() bool { return false }, 1, jobWrites{recorded: 2, ended: 1, told: 2}, 9},
		"before the journal":    {func() bool { return true }, 0, jobWrites{recorded: 0, ended: 1, told: 1}, 5},
		"after an unsure write": {turns(1), 1, jobWrites{recorded: 1, ended: 1, told: 1}, 5},
		"before the results":    {turns(1), 0, jobWrites{recorded: 1, ended: 1, told: 1}, 5},
		"after the results":     {turns(2), 0, jobWrites{recorded: 1, ended: 1, told: 2}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			job := &recordJob{
				lapsed: tt.lapsed, early: []journal.Disposition{ended}, push: &pushEnd{dispositions: []journal.Disposition{ended}},
				promised: true, tellsAll: true,
			}
			got := &jobWrites{unsure: tt.unsure}
			for job.write(t.Context(), got, got) != nil {
				if got.recorded > 9 {
					t.Fatal("the write does not come to its end")
				}
			}
			mark := tellMark{below: 5}
			mark.toldBy(job)
			if got.recorded != tt.want.recorded || got.ended != tt.want.ended || got.told != tt.want.told || mark.below != tt.mark {
				t.Errorf("recorded %d, ended %d, told %d, mark at %d; want %d, %d, %d, %d",
					got.recorded, got.ended, got.told, mark.below, tt.want.recorded, tt.want.ended, tt.want.told, tt.mark)
			}
		})
	}
}

// turns is false so many times, and true from then on.
func turns(after int) func() bool {
	n := 0
	return func() bool { n++; return n > after }
}
