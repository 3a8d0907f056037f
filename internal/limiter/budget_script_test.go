package limiter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"pushbridge/internal/intent"
)

// The scripts are stories of a Budget alone. Instants are of 2026, in the zone
// of the first terms (UTC where they have none). The directives:
//
//	terms quota=N [interval=1s] [day=ZONE] [reserve=N]   once more: they change
//	pool NAME at-least/at-most[+]                        one a line, + borrows
//	call at=T [took=1s] [pool=NAME] [critical] [plenty]  starts when it may
//	show at=T
func TestBudgetStories(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	datadriven.Walk(t, "testdata/budget", func(t *testing.T, path string) {
		s := &budgetStory{zone: time.UTC}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			switch d.Cmd {
			case "terms":
				s.setTerms(t, d)
			case "call":
				s.call(t, d, &out)
			case "show":
				s.show(s.at(t, d), &out)
			default:
				d.Fatalf(t, "unknown directive")
			}
			return out.String()
		})
	})
}

type budgetStory struct {
	b     *Budget
	terms intent.Terms
	zone  *time.Location
}

func (s *budgetStory) setTerms(t *testing.T, d *datadriven.TestData) {
	s.terms = intent.Terms{Interval: time.Second}
	d.ScanArgs(t, "quota", &s.terms.Calls)
	d.MaybeScanArgs(t, "reserve", &s.terms.Reserve)
	var zone string
	if d.MaybeScanArgs(t, "day", &zone) {
		s.terms.Day = place(t, zone)
	}
	for line := range strings.Lines(d.Input) {
		var p intent.Pool
		var borrows string
		if n, err := fmt.Sscanf(strings.TrimSpace(line), "pool %s %d/%d%s", &p.Name, &p.AtLeast, &p.AtMost, &borrows); n < 3 {
			d.Fatalf(t, "pool %q: %v", line, err)
		}
		p.Borrow = borrows == "+"
		s.terms.Pools = append(s.terms.Pools, p)
	}
	if s.b != nil {
		s.b.SetTerms(s.terms)
		return
	}
	s.b = NewBudgetOf(s.terms)
	if s.terms.Day != nil {
		s.zone = s.terms.Day
	}
}

func (s *budgetStory) call(t *testing.T, d *datadriven.TestData, out *strings.Builder) {
	draw := draw{Critical: d.HasArg("critical"), Plenty: d.HasArg("plenty"), Reserve: s.terms.Reserve}
	d.MaybeScanArgs(t, "pool", &draw.Pool)
	start := s.b.nextFor(s.at(t, d), draw)
	if start.IsZero() {
		fmt.Fprintln(out, "never")
		return
	}
	took := "1s"
	d.MaybeScanArgs(t, "took", &took)
	end := start.Add(must(time.ParseDuration(took)))
	s.b.SpendFrom(draw.Pool, end)
	fmt.Fprintf(out, "started %s, ended %s\n", s.clock(start), s.clock(end))
}

func (s *budgetStory) show(now time.Time, out *strings.Builder) {
	fmt.Fprintf(out, "%d of %d used, next call %s\n", s.b.Used(now), s.b.Quota(), s.clock(s.b.Next(now)))
	for _, u := range s.b.PoolUses(now) {
		fmt.Fprintf(out, "pool %s used %d, %d free for it\n", u.Name, u.Used, s.b.freeFor(now, draw{Pool: u.Name, Reserve: s.terms.Reserve}))
	}
	for at, free := range s.b.returns(now, now.Add(48*time.Hour)) {
		fmt.Fprintf(out, "%d free from %s\n", free, s.clock(at))
	}
}

func (s *budgetStory) at(t *testing.T, d *datadriven.TestData) time.Time {
	var at string
	d.ScanArgs(t, "at", &at)
	return must(time.ParseInLocation("2006-01-02T15:04:05", "2026-"+at, s.zone))
}

func (s *budgetStory) clock(t time.Time) string {
	return t.In(s.zone).Format("01-02 15:04:05.999999999 -07:00")
}
