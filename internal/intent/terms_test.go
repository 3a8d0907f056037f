package intent

import (
	"strings"
	"testing"
	"time"
)

func TestTermsCheck(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	terms := func(reserve int, pools ...Pool) Terms {
		return Terms{Calls: 100, Interval: time.Second, Reserve: reserve, Pools: pools}
	}
	for name, tt := range map[string]struct {
		terms   Terms
		wantErr []string // parts of the message; empty: no error
	}{
		"no pools":            {terms(20), nil},
		"auto reserve":        {terms(AutoReserve, Pool{Name: "a", AtLeast: 100}), nil},
		"all is given away":   {terms(20, Pool{Name: "a", AtLeast: 50, AtMost: 50}, Pool{Name: "b", AtLeast: 30}), nil},
		"ceilings may exceed": {terms(0, Pool{Name: "a", AtMost: 100, Borrow: true}, Pool{Name: "b", AtMost: 100}), nil},
		"no calls":            {Terms{Interval: 1}, []string{"quota 0: want at least 1"}},
		"no interval":         {Terms{Calls: 1}, []string{"interval 0s"}},
		"negative reserve":    {terms(-2), []string{"reserve -2"}},
		"all is reserved":     {terms(100), []string{"reserve 100 of a quota of 100"}},
		"floors and reserve":  {terms(20, Pool{Name: "a", AtLeast: 50}, Pool{Name: "b", AtLeast: 31}), []string{"at_least of all pools is 81, the quota leaves 80"}},
		"no name":             {terms(0, Pool{}), []string{"no name"}},
		"twice":               {terms(0, Pool{Name: "a"}, Pool{Name: "a"}), []string{`pool "a" is there twice`}},
		"negative":            {terms(0, Pool{Name: "a", AtLeast: -1}), []string{`pool "a": at_least -1`}},
		"more than there is":  {terms(0, Pool{Name: "a", AtMost: 101}), []string{`at_most 101: the quota is only 100`}},
		"upside down":         {terms(0, Pool{Name: "a", AtLeast: 5, AtMost: 4}), []string{"at_most 4 is less than at_least 5"}},
		"borrows from itself": {terms(0, Pool{Name: "a", Borrow: true}), []string{"borrow without at_most"}},
		"all at once":         {terms(100, Pool{}, Pool{Name: "a", AtMost: -1}), []string{"reserve 100", "no name", "at_most -1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.terms.Check()
			if (err != nil) != (len(tt.wantErr) > 0) {
				t.Fatalf("%v, want an error with %q", err, tt.wantErr)
			}
			for _, part := range tt.wantErr {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}
