package mapper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const validateRules = `version: 1
schemas: [builtin]
validate: {member.promo: %s}
rules:
  - name: promo
    match: {type: member.promo}
    audience: {tags_any: "${data.tiers}"}
    message: [{text: "${data.title}"}]
`

func TestValidate(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	const good = `"data":{"title":"Sale","summary":"now","tiers":["gold"],"discount":0.3}`
	for name, tt := range map[string]struct {
		action  string
		members string
		want    string // the violation; empty: none
		failure string // empty: the rule takes the event
	}{
		"good":              {"reject", good, "", ""},
		"more members":      {"reject", `"data":{"title":"Sale","summary":"now","tiers":["gold"],"discount":0,"more":1}`, "", ""},
		"wrong type":        {"reject", `"data":{"title":"Sale","summary":"now","tiers":["gold"],"discount":"0.3"}`, "at /discount: got string, want number", "data breaks the schema of member.promo at /discount: got string, want number"},
		"warned":            {"warn", `"data":{"title":"Sale","summary":"now","tiers":["gold"],"discount":"0.3"}`, "at /discount: got string, want number", ""},
		"off":               {`"off"`, `"data":{"title":"Sale","summary":"now","tiers":["gold"],"discount":"0.3"}`, "", ""},
		"deep":              {"warn", `"data":{"title":"Sale","summary":"now","tiers":["gold",5],"discount":0.3}`, "at /tiers/1: got number, want string", ""},
		"several":           {"warn", `"data":{"title":"Sale","tiers":["gold"],"discount":2,"ends_at":"soon"}`, ": missing property 'summary' (and 2 more)", ""},
		"format":            {"warn", `"data":{"title":"Sale","summary":"now","tiers":["gold"],"discount":0.3,"ends_at":"2026-13-01T00:00:00Z"}`, "at /ends_at: '2026-13-01T00:00:00Z' is not valid date-time", ""},
		"no data":           {"reject", `"subject":"none"`, "missing properties", "missing properties"},
		"text":              {"reject", `"datacontenttype":"text/plain","data":"Sale"`, "got string, want object", "got string, want object"},
		"another type":      {"reject", `"type":"other","data":1`, "", ""},
		"the last of a key": {"reject", `"data":{"discount":"x","title":"Sale","summary":"now","tiers":["gold"],"discount":0.3}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustParse(t, strings.Replace(validateRules, "%s", tt.action, 1))
			e, o := mustEvent(t, `{"type":"member.promo",`+tt.members+`}`)
			if strings.HasPrefix(tt.members, `"type"`) {
				e, o = mustEvent(t, `{`+tt.members+`}`)
			}
			m := r.Map(e, o)
			switch {
			case (m.Violation == nil) != (tt.want == ""), tt.want != "" && !strings.Contains(m.Violation.Error(), tt.want):
				t.Errorf("violation %v, want %q", m.Violation, tt.want)
			case (len(m.Failures) == 0) != (tt.failure == ""), tt.failure != "" && !strings.Contains(m.Failures[0].Error(), tt.failure):
				t.Errorf("failures %v, want %q", m.Failures, tt.failure)
			case tt.failure != "" && (m.Intents != nil || m.Failures[0].Rule != ""):
				t.Errorf("rejected, and %+v", m)
			case tt.failure == "" && len(m.Intents) != 1 && o.Type == "member.promo":
				t.Errorf("%d intents, want 1: %+v", len(m.Intents), m)
			}
		})
	}
}

// The structured form is read by somebody who refuses these; a binary event
// carries any bytes.
func TestValidateAnyBytes(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	r := mustParse(t, strings.Replace(validateRules, "%s", "reject", 1))
	for data, want := range map[string]string{
		`{"title":"Sale","summary":"now","tiers":["gold"],"discount":1e999999999}`:             "number 1e999999999: out of range",
		`{"title":"Sale","summary":"now","tiers":["gold"],"discount":1E-99999999999999999999}`: "out of range",
		`{"title":"Sale","summary":"now","tiers":["gold"],"discount":1e400}`:                   "at /discount",
		`{"title":`: "data is not JSON",
		"\xff":      "data is not UTF-8",
	} {
		e, o := mustEvent(t, `{"type":"member.promo"}`)
		e.DataEncoded = []byte(data)
		m := r.Map(e, o)
		if m.Violation == nil || !strings.Contains(m.Violation.Error(), want) || len(m.Failures) != 1 {
			t.Errorf("%q: %+v, want a violation with %q", data, m, want)
		}
	}
}

// Without the keys nothing is looked at, and with them a rule file is another one
// as soon as a schema is.
func TestSchemasAreInTheVersion(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	plain := strings.NewReplacer("schemas: [builtin]\n", "", "validate: {member.promo: %s}\n", "").Replace(validateRules)
	r := mustParse(t, plain)
	e, o := mustEvent(t, `{"type":"member.promo","data":{"title":"Sale","tiers":["gold"]}}`)
	if m := r.Map(e, o); m.Violation != nil || len(m.Intents) != 1 {
		t.Errorf("without schemas: %+v", m)
	}
	if r.SchemaDirs() != nil || len(r.Validations()) != 0 {
		t.Errorf("without schemas: directories %q, validations %v", r.SchemaDirs(), r.Validations())
	}
	version := func(schema string) string {
		dir := t.TempDir()
		for name, text := range map[string]string{"rules.yaml": strings.Replace(plain, "rules:", "schemas: .\nrules:", 1), "member.promo.json": schema} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Load(filepath.Join(dir, "rules.yaml"), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.SchemaDirs(); len(got) != 1 || got[0] != dir {
			t.Errorf("directories %q, want %s", got, dir)
		}
		return r.Version()
	}
	a, again, b := version(`{}`), version(`{}`), version(`{"type": "object"}`)
	if a != again || a == b || a == r.Version() {
		t.Errorf("versions %s, %s, of another schema %s, without schemas %s", a, again, b, r.Version())
	}
}

// BenchmarkMapTyped is what schemas cost: nothing where they only type
// expressions, the check of the data where validate asks for it.
func BenchmarkMapTyped(b *testing.B) {
	for name, rules := range map[string]string{
		"untyped":   strings.NewReplacer("schemas: [builtin]\n", "", "validate: {member.promo: %s}\n", "").Replace(validateRules),
		"typed":     strings.Replace(validateRules, "validate: {member.promo: %s}\n", "", 1),
		"validated": strings.Replace(validateRules, "%s", "reject", 1),
	} {
		b.Run(name, func(b *testing.B) {
			r := mustParse(b, rules)
			e, o := mustEvent(b, `{"type":"member.promo","data":{"title":"Sale","summary":"now","tiers":["gold"],"discount":0.3,"ends_at":"2026-03-01T20:00:00+08:00"}}`)
			b.ReportAllocs()
			for b.Loop() {
				r.Map(e, o)
			}
		})
	}
}
