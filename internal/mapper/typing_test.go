package mapper

import (
	"crypto/sha256"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// typingFor returns the typing of event types whose schemas stand in
// testdata/schemas.
func typingFor(t testing.TB, eventTypes ...string) *typing {
	t.Helper()
	c := schemaCompiler{docs: map[string]any{}, hash: sha256.New()}
	known := newCatalog()
	for _, f := range c.read(os.DirFS("testdata/schemas"), ".", "testdata/schemas") {
		schema, err := c.compile(f)
		if f.err != nil || err != nil {
			t.Fatal(f.err, err)
		}
		known.types[f.name] = &eventSchema{f.file, schema}
	}
	ty, err := known.typingOf(eventTypes)
	if err != nil || ty == nil {
		t.Fatalf("typing of %q: %v, %v", eventTypes, ty, err)
	}
	return ty
}

// findings returns what check and the reader have against a condition, errors
// before warnings, each with the text from its place on.
func findings(ty *typing, source string) []string {
	x, all := ty.check(source)
	if x != nil {
		r := reader{typing: ty, x: x}
		r.text(nil)
		all = r.errors
		for _, w := range r.warnings {
			w.msg = "warning: " + w.msg
			all = append(all, w.finding)
		}
	}
	var texts []string
	for _, f := range all {
		at := source[f.at:]
		if i := strings.IndexAny(at, " ),"); i > 0 {
			at = at[:i]
		}
		texts = append(texts, at+": "+f.msg+"; "+f.do)
	}
	return texts
}

func TestTypes(t *testing.T) {
	t.Attr("guards", "a mistake in an expression is told when the rules are loaded")
	t.Parallel()
	made, both := typingFor(t, "offer.made"), typingFor(t, "offer.made", "offer.changed")
	for source, want := range map[string]string{ // a part of the one finding; empty: none
		// What is right, by whatever way CEL has for it.
		`data.title == "x" && data.discount >= 0.2 && data.count > 1 && "gold" in data.tiers`:                                                               "",
		`data.discount == 1 && data.count == 1.0 && data.discount in [1, 2] && 1.5 > data.discount && data.count < data.discount`:                           "",
		`double(data.discount) * 100.0 > 5.0 && data.count + 1 == 2 && string(data.discount) != ""`:                                                         "",
		`data['address']['city'] == data.address.city && data[data.title] == 1 && "x" in data && size(data.address) == 1`:                                   "",
		`data.address == {"city": "x"} && data.address.size() == 1 && data.title != null && null != data.tiers`:                                             "",
		`(data.count > 0 ? data.discount : 1) == 1 && (data.count > 0 ? "a" : data.count) == "a"`:                                                           "",
		`data.?level.orValue("none") == "none" && data.?discount.orValue(0) > 1 && data.?items[?0].?price.orValue(1.0) > 2`:                                 "",
		`has(data.items) && data.items.all(i, i.sku != "" && (!has(i.price) || i.price > 1))`:                                                               "",
		`has(data.tree) && has(data.tree.next) && has(data.tree.next.next) && has(data.tree.next.next.value) && data.tree.next.next.value == "x"`:           "",
		`has(data.nest) && data.nest[0][0].size() == 0`:                                                                                                     "",
		`has(data.either) && (data.either == "x" || data.either == 3)`:                                                                                      "",
		`has(data.open) && data.open.?z.orValue("") == 3`:                                                                                                   "",
		`has(data.mixed) && data.mixed.b == 3 && has(data.mixed.a) && data.mixed.a == ""`:                                                                   "",
		`has(data.cases) && has(data.cases.extra) && data.cases.extra == 1`:                                                                                 "",
		`has(data.labels) && "x" in data.labels && data.labels.x + 1 == 2`:                                                                                  "",
		`has(data.note) && data.note != null && data.note.size() > 2`:                                                                                       "",
		`has(data.maker) && data.maker != null && has(data.maker.name) && data.maker.name == ""`:                                                            "",
		`has(data.level) && dyn(data.level) == 3 && dyn(data).levle == 2 && event.type == "x" && timestamp(data.title) > timestamp("2026-01-01T00:00:00Z")`: "",

		// What is wrong.
		`data.levle == ""`:                           "levle: there is no data.levle in the schema of offer.made; did you mean `level`?",
		`has(data.levle)`:                            "levle: there is no data.levle",
		`data.?levle.orValue("") == ""`:              "levle.orValue(\"\": there is no data.levle",
		`data["levle"] == ""`:                        `levle"]: there is no data.levle`,
		`data.tiers[0].name == ""`:                   ".name: type string has no fields",
		`data.tiers == "gold"`:                       "== does not take (list(string), string)",
		`data.discount > "1"`:                        "> does not take (number, string)",
		`data.discount * 2.0 > 1.0`:                  "* does not take (number, double); an event may have it as 1 or as 1.0: write double(…)",
		`"1" in data.count`:                          "in does not take (string, int)",
		`1 in data.tiers`:                            "in does not take (int, list(string))",
		`data.title.matches(data.count)`:             "matches does not take (string, int)",
		`data.title && true`:                         "data.title: want bool, got string",
		`data.address.exists(k, k == "")`:            "object data.address is no list to go through; dyn(…) makes it a map of its names",
		`data.items.exists(i, i.prize > 1)`:          "prize: there is no data.items[].prize in the schema of offer.made; did you mean `price`?",
		`has(data.tree.next.next.valeu)`:             "valeu: there is no data.tree.next.valeu",
		`has(data.level) && data.level == "blue"`:    `"blue": data.level is never "blue" by the schema of offer.made; it is one of red, yellow`,
		`has(data.level) && data.level in ["green"]`: `"green"]: data.level is never "green"`,
		`"bronze" in data.tiers`:                     `"bronze": data.tiers is never "bronze"`,
		`event.Type == ""`:                           `Type: no event has an attribute "Type"`,

		// What may fail.
		`data.level == "red"`:                                           "level: warning: data.level may be absent",
		`data.level == "red" && has(data.level)`:                        "",
		`!has(data.level) || data.level == "red"`:                       "",
		`has(data.level) || data.level == "red"`:                        "level: warning: data.level may be absent",
		`has(data.level) ? data.level == "red" : false`:                 "",
		`!(has(data.level) && true) ? true : data.level == "red"`:       "",
		`has(data.note) && data.note.size() > 2`:                        "data.note.size(: warning: data.note may be null",
		`has(data.note) && (data.note == null || data.note.size() > 2)`: "",
		`has(data.note) && data.note == "x" && data.note.size() > 2`:    "",
		`data.address.zip == 1`:                                         "zip: warning: data.address.zip may be absent",
		`event.subject == ""`:                                           "subject: warning: event.subject may be absent, and then the rule fails on the event; ask for it in match",
		`event.tenant == ""`:                                            "tenant: warning: event.tenant may be absent",
		`has(event.tenant) && event.tenant == ""`:                       "",
		`has(data.labels) && data.labels.x == 1`:                        "x: warning: data.labels.x may be absent",
	} {
		got := strings.Join(findings(made, source), "\n")
		if (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s\n\tgives %q\n\twant  %q", source, got, want)
		}
	}
	for source, want := range map[string]string{
		`data.title == "x" && data.discount > 1`:                    "",
		`has(data.reason) && data.reason == ""`:                     "",
		`data.reason == ""`:                                         "reason: warning: data.reason may be absent by the schema of offer.changed and offer.made",
		`has(data.level) && data.level in ["red", "green"]`:         "",
		`has(data.level) && data.level == "blue"`:                   "it is one of green, red, yellow",
		`has(data.count) && (data.count == "1" || data.count == 1)`: "", // the types have it differently
		`data.discount + 1 == 2`:                                    "+ does not take (number, int)",
		`data.resaon == ""`:                                         "did you mean `reason`?",
	} {
		got := strings.Join(findings(both, source), "\n")
		if (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s\n\tgives %q\n\twant  %q", source, got, want)
		}
	}
}

// drawTyped writes a condition over the schema of offer.made, right or wrong.
func drawTyped(t *rapid.T, depth int) string {
	value := func(label string) string {
		return rapid.SampledFrom([]string{
			"data.title", "data.discount", "data.count", "data.level", "data.note", "data.address.city", "data.labels.x", "data.tiers[0]",
			"data.tree.value", "data.maker.name", "data.mixed.b", "data.urgent", "data.items[0].price", "size(data.tiers)", "data.?level.orValue('none')", "data.?note.orValue('n')",
			"data.?discount.orValue(1)", "double(data.discount)", "string(data.count)", "1", "2.5", "'red'", "null", "true", "data.address", "data.tiers", "data.absent",
			"(data.urgent ? data.discount : 1)",
		}).Draw(t, label)
	}
	kinds := 4
	if depth < 3 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return value("left") + " " + rapid.SampledFrom([]string{"==", "!=", "<", ">="}).Draw(t, "operator") + " " + value("right")
	case 1:
		return "has(" + rapid.SampledFrom([]string{"data.level", "data.note", "data.urgent", "data.labels", "data.labels.x", "data.items", "data.tree", "data.tree.value", "data.maker", "data.maker.name", "data.mixed", "data.address.zip"}).Draw(t, "has") + ")"
	case 2:
		return rapid.SampledFrom([]string{"data.urgent", "'gold' in data.tiers", "data.discount in [1, 2]", "data.items.all(i, i.sku != '')", "data.items.exists(i, has(i.price) && i.price > 1)", "'x' in data.labels", "data.note != null", "data.maker != null", "data.note == null"}).Draw(t, "form")
	case 3:
		return value("left") + " + " + value("right") + " == " + value("sum")
	case 4:
		return "!(" + drawTyped(t, depth+1) + ")"
	case 5:
		return "(" + drawTyped(t, depth+1) + " && " + drawTyped(t, depth+1) + ")"
	}
	return "(" + drawTyped(t, depth+1) + " || " + drawTyped(t, depth+1) + ")"
}

// drawOffer writes data that keeps to the schema of offer.made.
func drawOffer(t *rapid.T) string {
	var b strings.Builder
	b.WriteString(`{"title":"t","address":{"city":"c"` + rapid.SampledFrom([]string{"", `,"zip":1`, `,"zip":"z"`}).Draw(t, "zip") + `}`)
	for name, values := range map[string][]string{
		"tiers": {`["gold"]`, `["gold","silver"]`}, "discount": {"0", "1", "0.5", "1e0", "-1.0"}, "count": {"0", "1", "-5"},
	} {
		b.WriteString(`,"` + name + `":` + rapid.SampledFrom(values).Draw(t, name))
	}
	for _, o := range []struct {
		name   string
		values []string
	}{
		{"level", []string{`"red"`, `"yellow"`}}, {"note", []string{"null", `"n"`}}, {"urgent", []string{"true", "false"}},
		{"labels", []string{`{}`, `{"x":1}`}}, {"items", []string{`[{"sku":"s"}]`, `[{"sku":"s","price":2}]`}},
		{"tree", []string{`{}`, `{"value":"v"}`}}, {"maker", []string{"null", "{}", `{"name":"m"}`}}, {"mixed", []string{`{"b":1}`, `{"a":"x","b":2}`}},
	} {
		if v := rapid.SampledFrom(append([]string{""}, o.values...)).Draw(t, o.name); v != "" {
			b.WriteString(`,"` + o.name + `":` + v)
		}
	}
	return b.String() + "}"
}

// TestWhatIsNotToldDoesNotFail: an expression that neither an error nor a warning
// is about has a value for every event that keeps to its schema.
func TestWhatIsNotToldDoesNotFail(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	ty := typingFor(t, "offer.made")
	lang, err := newLanguage()
	if err != nil {
		t.Fatal(err)
	}
	evaluated := 0
	property := func(rt *rapid.T) {
		source := drawTyped(rt, 0)
		x, err := lang.compile(source)
		if err != nil || len(findings(ty, source)) > 0 {
			rt.Skip()
		}
		data := drawOffer(rt)
		e, o := mustEvent(t, `{"data":`+data+`}`)
		r := rule{when: x}
		var s scope
		s.reset(e, o)
		evaluated++
		if _, err := r.admits(&s); err != nil {
			rt.Fatalf("%s over %s: %v, and nobody said so", source, data, err)
		}
	}
	for round := 0; round < 20 && evaluated < 100; round++ {
		rapid.Check(t, property)
	}
	if evaluated < 100 {
		t.Errorf("%d expressions were right, so this says little", evaluated)
	}
}

// FuzzSchemaTypes: any text is refused as a schema, or gives types by which any
// expression can be checked; nothing panics, and places are in the expression.
func FuzzSchemaTypes(f *testing.F) {
	for _, name := range []string{"offer.made", "common", "offer.changed"} {
		raw, err := os.ReadFile("testdata/schemas/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, `data.title == "x" && has(data.level) && data.items.exists(i, i.prce > 1)`)
	}
	for _, schema := range []string{
		`true`, `false`, `[]`, `1`, `{}`, `{"$ref":"#"}`, `{"type":["string","null","object"]}`, `{"allOf":[{"$ref":"#"}]}`, `{"enum":[]}`, `{"enum":[1,"a",null,{}]}`,
		`{"items":{"$ref":"#"}}`, `{"properties":{"":{"$ref":"#"},"a b":true,"data":false}}`, `{"additionalProperties":{"$ref":"#"}}`, `{"const":null}`,
		`{"anyOf":[{"type":"null"},{"$ref":"#"}]}`, `{"$dynamicRef":"#x","$dynamicAnchor":"x"}`, `{"required":["a"],"patternProperties":{"^x":{}}}`, `{"$schema":"http://json-schema.org/draft-04/schema#","items":[{}]}`,
		`{"properties":{"a":{"properties":{"b":{"type":"number"}}},"a.b":{"properties":{"b":{}}}}}`, `{"type":"object","properties":{"x":{"allOf":[{"type":"integer"},{"type":"number"}]}},"allOf":[{"properties":{"x":{"type":"number"}}}]}`,
	} {
		f.Add([]byte(schema), `data.a.b + data.x > 1 || data["a b"] == data.?x.orValue(2) || data[0].y in [data.z]`)
	}
	f.Fuzz(func(t *testing.T, schema []byte, source string) {
		c := schemaCompiler{docs: map[string]any{}, hash: sha256.New()}
		known := newCatalog()
		for _, file := range c.read(fstest.MapFS{"x.json": {Data: schema}}, ".", "dir") {
			compiled, err := c.compile(file)
			if file.err != nil || err != nil {
				return
			}
			known.types[file.name] = &eventSchema{file.file, compiled}
		}
		ty, err := known.typingOf([]string{"x"})
		if err != nil || ty == nil {
			t.Fatalf("a schema that compiles has no types: %v", err)
		}
		lang, err := newLanguage()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lang.compile(source); err != nil {
			return
		}
		x, all := ty.check(source)
		if x == nil && len(all) == 0 {
			t.Fatalf("%q over %s: neither typed nor refused", source, schema)
		}
		for _, f := range all {
			if f.at < 0 || f.at > len(source) || f.msg == "" {
				t.Fatalf("%q over %s: finding %+v", source, schema, f)
			}
		}
		findings(ty, source)
	})
}
