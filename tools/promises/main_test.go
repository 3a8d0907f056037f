package main

import (
	"strings"
	"testing"
)

// lines is go test -json for five promises in package p, one test each, where
// how gives a test another end than pass.
func lines(how map[string]string) string {
	var b strings.Builder
	for _, name := range promises {
		end := how[name]
		switch end {
		case "none":
			continue
		case "":
			end = "pass"
		}
		b.WriteString(`{"Action":"attr","Package":"pushbridge/p","Test":"Test_` + name + `","Key":"promise","Value":"` + name + `"}` + "\n")
		if end != "died" {
			b.WriteString(`{"Action":"` + end + `","Package":"pushbridge/p","Test":"Test_` + name + `"}` + "\n")
		}
	}
	return b.String()
}

func TestReport(t *testing.T) {
	t.Attr("guards", "the report on promises cannot say yes for nothing")
	t.Parallel()

	for name, tt := range map[string]struct {
		in   string
		want string // a part of what is printed
		kept bool
	}{
		"all pass":        {in: lines(nil), want: "budget: 1 of 1 tests pass\n    p Test_budget\n", kept: true},
		"no input":        {in: "", want: "nothing-lost: 0 of 0 tests pass"},
		"one fails":       {in: lines(map[string]string{"budget": "fail"}), want: "budget: 0 of 1 tests pass\n  ✗ p Test_budget"},
		"one only skips":  {in: lines(map[string]string{"one-writer": "skip"}), want: "one-writer: 0 of 1 tests pass\n  - p"},
		"one has none":    {in: lines(map[string]string{"explained": "none"}), want: "explained: 0 of 0"},
		"one never ended": {in: lines(map[string]string{"explained": "died"}), want: "explained: 0 of 1 tests pass\n  ✗ p"},
		"unknown promise": {
			in:   lines(nil) + `{"Action":"attr","Package":"p","Test":"T","Key":"promise","Value":"speed"}`,
			want: "speed: no such promise, named by p T",
		},
		"a package does not build": {
			in:   lines(nil) + `{"Action":"fail","Package":"pushbridge/q"}`,
			want: "package failed: pushbridge/q",
		},
		"said twice": {
			in:   lines(nil) + lines(nil),
			want: "budget: 1 of 1 tests pass", kept: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep, err := read(strings.NewReader(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if kept := rep.print(&out); kept != tt.kept || !strings.Contains(out.String(), tt.want) {
				t.Errorf("kept = %v, want %v; printed\n%swant a part %q", kept, tt.kept, &out, tt.want)
			}
		})
	}
}

func TestReadRefusesWhatIsNotJSON(t *testing.T) {
	t.Attr("guards", "the report on promises cannot say yes for nothing")
	t.Parallel()
	if _, err := read(strings.NewReader("ok  \tpushbridge/p\t0.1s\n")); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("err = %v, want one that names line 1", err)
	}
}
