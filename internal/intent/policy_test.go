package intent

import (
	"fmt"
	"testing"
)

func TestPolicyWords(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for want, v := range map[string]fmt.Stringer{
		"low": Low, "normal": Normal, "high": High, "critical": Critical, "Priority(0)": Priority(0),
		"merge": Merge, "latest": Latest, "none": Alone, "Mode(9)": Mode(9),
		"resend": Resend, "drop": Drop, "OnDoubt(0)": OnDoubt(0),
	} {
		if v.String() != want {
			t.Errorf("%T %v prints %q, want %q", v, v, v.String(), want)
		}
	}
	for i, p := range Priorities {
		if got, err := ParsePriority(p.String()); err != nil || got != p {
			t.Errorf("%v reads as %v, %v", p, got, err)
		}
		if i > 0 && p >= Priorities[i-1] {
			t.Errorf("%v is listed after %v", p, Priorities[i-1])
		}
	}
	for _, word := range []string{"", "Critical", "urgent", "Priority(0)"} {
		if got, err := ParsePriority(word); err == nil || got != 0 {
			t.Errorf("%q reads as %v, %v", word, got, err)
		}
	}
}
