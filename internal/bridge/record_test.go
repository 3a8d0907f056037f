package bridge

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/journal"
)

// The end of a call is written between what was decided before and after it.
func TestOutboxKeepsTheOrder(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, tt := range map[string]struct {
		before, after int // dispositions decided
		want          []string
	}{
		"nothing but the call": {0, 0, []string{"call"}},
		"some after":           {0, 3, []string{"call 0 1", "2"}},
		"some before":          {1, 0, []string{"0", "call"}},
		"before and after":     {3, 2, []string{"0 1", "2", "call 3 4"}},
		"a full piece before":  {2, 1, []string{"0 1", "call 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := outbox{dispositions: pile{max: 2}}
			n := 0
			add := func(count int) {
				for range count {
					o.dispositions.add(journal.Disposition{Reason: fmt.Sprint(n)})
					n++
				}
			}
			add(tt.before)
			o.ended = &pushEnd{after: o.dispositions.seal()}
			add(tt.after)
			var got []string
			for job := o.next(); job != nil; job = o.next() {
				line := ""
				if job.push != nil {
					line = " call"
				}
				for _, d := range job.early {
					line += " " + d.Reason
				}
				got = append(got, line[1:])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}
