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
}

func (k *jobWrites) Record(_ context.Context, ds []journal.Disposition) error {
	k.recorded += len(ds)
	return nil
}

func (k *jobWrites) End(_ context.Context, _ journal.Outcome, ds []journal.Disposition) error {
	k.ended += len(ds)
	return nil
}

func (k *jobWrites) Tell(_ context.Context, ds []results.Disposed) error {
	k.told += len(ds)
	return nil
}

func (*jobWrites) TellPush(context.Context, results.Completed) error   { return nil }
func (*jobWrites) Bury(context.Context, []results.DeadLetter) error    { return nil }
func (*jobWrites) BuryPush(context.Context, results.RefusedPush) error { return nil }
func (*jobWrites) Note(context.Context, journal.Notes) error           { return nil }
func (*jobWrites) Written() int64                                      { return 0 }

// Promise: one writer. Who stood still past its session writes what its call has
// decided, and nothing that it had only thought of.
func TestWhoStoodStillTellsOnlyWhatItsCallDecided(t *testing.T) {
	t.Attr("promise", "one-writer")
	ended := journal.Disposition{Kind: journal.Superseded}
	for name, tt := range map[string]struct {
		lapsed func() bool
		want   jobWrites
	}{
		"owner":              {func() bool { return false }, jobWrites{recorded: 1, ended: 1, told: 2}},
		"before the journal": {func() bool { return true }, jobWrites{recorded: 0, ended: 1, told: 1}},
		"before the results": {turns(1), jobWrites{recorded: 1, ended: 1, told: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			job := &recordJob{lapsed: tt.lapsed, early: []journal.Disposition{ended}, push: &pushEnd{dispositions: []journal.Disposition{ended}}}
			got := &jobWrites{}
			if err := job.write(t.Context(), got, got); err != nil {
				t.Fatal(err)
			}
			if got.recorded != tt.want.recorded || got.ended != tt.want.ended || got.told != tt.want.told {
				t.Errorf("recorded %d, ended %d, told %d; want %d, %d, %d", got.recorded, got.ended, got.told, tt.want.recorded, tt.want.ended, tt.want.told)
			}
		})
	}
}

// turns is false so many times, and true from then on.
func turns(after int) func() bool {
	n := 0
	return func() bool { n++; return n > after }
}
