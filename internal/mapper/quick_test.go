package mapper

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// drawCondition writes a condition, most of them with a quick form.
func drawCondition(t *rapid.T, depth int) string {
	field := rapid.SampledFrom([]string{"data.n", "data.s", "data.l", "data.o.n", "data.b", "data.absent", "data.l[0]", "event.id", "event.tenant", "data.o.absent.x"}).Draw(t, "field")
	kinds := 5
	if depth < 3 {
		kinds = 8
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return fmt.Sprintf("dyn(%s) %s %s", field, operatorOf(t), literalOf(t)) // dyn has no quick form inside
	case 1:
		if field == "event.id" || field == "event.tenant" {
			return fmt.Sprintf("%s %s %s", field, operatorOf(t), rapid.SampledFrom([]string{`"1"`, `"a"`, `""`}).Draw(t, "text"))
		}
		return fmt.Sprintf("%s %s %s", field, operatorOf(t), literalOf(t))
	case 2:
		return fmt.Sprintf("has(%s)", rapid.SampledFrom([]string{"data.n", "data.absent", "data.o.n", "data.s.x", "event.tenant", "event.subject", "data.l.x"}).Draw(t, "has"))
	case 3:
		return rapid.SampledFrom([]string{"data.b", "'a' in data.l", "'z' in data.l", "data.s in ['a', 'b']", "data.n in ['a']", "event.id in ['1', '2']", "'a' in data.o", "true"}).Draw(t, "in")
	case 4:
		return fmt.Sprintf("size(%s) %s %d", rapid.SampledFrom([]string{"data.l", "data.s", "data.o", "data.n"}).Draw(t, "size"), operatorOf(t), rapid.IntRange(0, 3).Draw(t, "n"))
	case 5:
		return "!(" + drawCondition(t, depth+1) + ")"
	case 6:
		return "(" + drawCondition(t, depth+1) + " && " + drawCondition(t, depth+1) + ")"
	}
	return "(" + drawCondition(t, depth+1) + " || " + drawCondition(t, depth+1) + ")"
}

func operatorOf(t *rapid.T) string {
	return rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "operator")
}

func literalOf(t *rapid.T) string {
	return rapid.SampledFrom([]string{"1", "1.0", "0.5", "-2", "9007199254740992", "9007199254740993", `"a"`, `"1"`, `"é"`, "true", "2u"}).Draw(t, "literal")
}

// TestQuickIsCEL holds the quick form of conditions to CEL itself: where it
// answers, CEL gives that answer, and where CEL fails, it does not answer.
func TestQuickIsCEL(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	l, err := newLanguage()
	if err != nil {
		t.Fatal(err)
	}
	answered := 0
	property := func(rt *rapid.T) {
		source := drawCondition(rt, 0)
		x, err := l.compile(source)
		if err != nil {
			rt.Skip(err) // some literals do not fit some fields
		}
		if x.path != nil || x.quick == nil {
			return
		}
		n := rapid.SampledFrom([]string{"0", "1", "1.0", "1e0", "0.5", "-2.5", "9007199254740993", "18446744073709551615", "1e300", `"a"`, "null", "true"}).Draw(rt, "data.n")
		s := rapid.SampledFrom([]string{`"a"`, `"\u0061"`, `"é"`, `""`, "1", "[]"}).Draw(rt, "data.s")
		list := rapid.SampledFrom([]string{`[]`, `["a"]`, `[1,"\u0061"]`, `[null]`, `"a"`, `{"a":1}`}).Draw(rt, "data.l")
		data := rapid.SampledFrom([]string{`"data":{"n":%[1]s,"s":%[2]s,"l":%[3]s,"o":{"n":%[1]s},"b":true}`, `"data":{"n":%[1]s,"b":%[2]s,"l":%[3]s}`, `"data":[%[1]s,%[2]s,%[3]s]`, `"subject":"no data"`}).Draw(rt, "data")
		if data[0] == '"' && data[1] == 'd' {
			data = fmt.Sprintf(data, n, s, list)
		}
		e, o := mustEvent(t, `{"tenant":"a",`+data+`}`)
		var sc scope
		sc.reset(e, o)
		got := x.quick(&sc)
		if got == unsure {
			return
		}
		answered++
		v, err := x.evaluate(&sc)
		if err != nil || v.Value() != (got == yes) {
			rt.Fatalf("%s over %s: quick says %t, CEL %v, %v", source, data, got == yes, v, err)
		}
	}
	// Most draws are skipped, or answered by CEL alone.
	for round := 0; round < 10 && answered < 10; round++ {
		rapid.Check(t, property)
	}
	if answered < 10 {
		t.Errorf("the quick form answered %d times, so this says little", answered)
	}
}
