package ruletest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pushbridge/schemas"
)

// Editors complete by the schema, and the bridge goes by Parse: what one refuses
// the other does too, but for what no schema can see.
func TestSchemaAgrees(t *testing.T) {
	t.Attr("guards", "editors and bridge test agree on what a file of tests is")
	t.Parallel()
	raw, err := schemas.FS.ReadFile("rules_test.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules_test.v1.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("rules_test.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	good := string(read(t, "all_test.yaml"))
	texts := map[string]string{good: "good"}
	replace := func(old, by string) {
		if strings.Count(good, old) == 0 {
			t.Fatalf("no %q in the file", old)
		}
		texts[strings.Replace(good, old, by, 1)] = by
	}
	for _, c := range [][2]string{
		{"quota: 50", "quota: 0"}, {"quota: 50", "quota: many"}, {"quota: 50", "speed: 50"}, {"quota: {default: 12,", "quota: {default: 0,"},
		{"tests:", "test:"}, {"rules: rules.yaml", "rules: 1"}, {"name: no event", "name: \"\""}, {"  - name: no event\n   ", "  -"},
		{"{type: promo, id: e,", "{id: e,"}, {"{type: promo, id: e,", "{type: promo, id: 7,"}, {"{at: 1h, raw: \"no event\"}", "{at: 1h}"}, {"raw: \"no event\"", "raw: x, event: {type: x}"},
		{"{at: 1h, raw", "{at: 5, raw"}, {"raw: |\n", "events: []\n    raw: |\n"}, {"dead_letters: [", "dead_letters: [\"\", "}, {"dead_letters: [\"source is missing\"]", "dead_letters: []"},
		{"expect:\n      dead_letters: [\"source is missing\"]", "expect: {}"}, {"{pushed: 3,", "{posted: 3,"}, {"{pushed: 3,", "{pushed: -3,"},
		{"lane: default, audience: {attrs_any: {city: Oslo}}", "lane: default, audience: {attrs_any: {}}"}, {"audience: {attrs_any: {city: Oslo}}", "audience: {AttrsOr: {city: Oslo}}"},
		{"condition: {TagsOr: [silver, gold]}", "condition: {TagsOr: []}"}, {"condition: {TagsOr: [silver, gold]}", "condition: {tags_any: [silver, gold]}"}, {"condition: everyone", "condition: all"},
		{"audience: {everyone: true}", "audience: {everyone: false}"}, {"audience: {everyone: true}", "audience: everyone"}, {"mode: digest", "mode: batch"}, {"on_doubt: drop", "on_doubt: ask"},
		{"priority: critical, why", "priority: urgent, why"}, {"why: critical}", "why: hurry}"}, {"event: c, disposition: superseded,", "event: c,"}, {"disposition: superseded, by: d", "disposition: gone, by: d"},
		{"{event: c,", "{evnt: c,"}, {"- {data: {title: Other}}", "- 5"}, {"reason: promo (when)", "reason: \"\""}, {"at: 1h59m}", "at: 5}"}, {"message: [Sale]", "message: 5"},
	} {
		replace(c[0], c[1])
	}
	for text, name := range texts {
		_, parseErr := Parse("x_test.yaml", []byte(text), true)
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		schemaErr := schema.Validate(value)
		if (parseErr == nil) != (schemaErr == nil) || (parseErr == nil) != (name == "good") {
			t.Errorf("%s: Parse says %v, the schema %v", name, parseErr, schemaErr)
		}
	}
}
