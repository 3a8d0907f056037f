package mapper

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// summary writes a mapping for comparison: an intent a line, a failure a line,
// or why there is neither.
func summary(m Mapping) string {
	var lines []string
	for _, in := range m.Intents {
		var who []string
		for _, a := range in.Audiences {
			who = append(who, a.String())
		}
		lines = append(lines, fmt.Sprintf("%s: %s: %s", in.Rule, strings.Join(who, " + "), in.Message.Text()))
	}
	for _, f := range m.Failures {
		lines = append(lines, f.Error())
	}
	if m.Why != "" {
		lines = append(lines, m.Why)
	}
	return strings.Join(lines, "\n")
}

// oneRule is a file with one rule r for everyone, unless the lines say more.
func oneRule(lines ...string) string {
	all := "version: 1\nrules:\n  - name: r\n"
	for _, key := range []struct{ name, line string }{
		{"match:", "match: {type: x}"}, {"audience:", "audience: {everyone: true}"}, {"message:", `message: [{text: "hi"}]`},
	} {
		found := false
		for _, line := range lines {
			found = found || strings.HasPrefix(line, key.name)
		}
		if !found {
			all += "    " + key.line + "\n"
		}
	}
	for _, line := range lines {
		all += "    " + line + "\n"
	}
	return all
}

func text(expression string) string { return oneRule(`message: [{text: '` + expression + `'}]`) }

type mapCase struct {
	rules string
	event string
	want  string
}

func runMapCases(t *testing.T, cases map[string]mapCase) {
	t.Helper()
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			e, o := mustEvent(t, tt.event)
			got := summary(mustParse(t, tt.rules).Map(e, o))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Map (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	const hit, missed = "r: everyone: hi", "no rule matches: r (%s)"
	miss := func(attribute string) string { return fmt.Sprintf(missed, attribute) }
	runMapCases(t, map[string]mapCase{
		"type":                     {oneRule(), `{}`, hit},
		"other type":               {oneRule(), `{"type":"xx"}`, "no rule for type xx"},
		"types differ in case":     {oneRule(), `{"type":"X"}`, "no rule for type X"},
		"any of":                   {oneRule(`match: {type: {any_of: [a, x]}}`), `{}`, hit},
		"prefix":                   {oneRule(`match: {type: {prefix: a.}}`), `{"type":"a.b"}`, hit},
		"prefix alone":             {oneRule(`match: {type: {prefix: a.}}`), `{"type":"a"}`, miss("type")},
		"suffix":                   {oneRule(`match: {source: {suffix: /a}}`), `{}`, hit},
		"no such suffix":           {oneRule(`match: {source: {suffix: /b}}`), `{}`, miss("source")},
		"prefix and suffix":        {oneRule(`match: {source: {prefix: /crm, suffix: /b}}`), `{}`, miss("source")},
		"all must hold":            {oneRule(`match: {type: x, subject: s}`), `{"subject":"t"}`, miss("subject")},
		"subject":                  {oneRule(`match: {subject: s}`), `{"subject":"s"}`, hit},
		"absent subject":           {oneRule(`match: {subject: {prefix: s}}`), `{}`, miss("subject")},
		"id":                       {oneRule(`match: {id: "1"}`), `{}`, hit},
		"dataschema":               {oneRule(`match: {dataschema: {prefix: "https://a/"}}`), `{"dataschema":"https://a/b"}`, hit},
		"datacontenttype":          {oneRule(`match: {datacontenttype: application/json}`), `{"datacontenttype":"application/json","data":1}`, hit},
		"extension":                {oneRule(`match: {tenant: a}`), `{"tenant":"a"}`, hit},
		"extension that is number": {oneRule(`match: {level: "3"}`), `{"level":3}`, hit},
		"extension that is true":   {oneRule(`match: {urgent: "true"}`), `{"urgent":true}`, hit},
	})
}

func TestWhen(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	const hit, miss = "r: everyone: hi", "no rule matches: r (when)"
	when := func(x string) string { return oneRule("when: '" + strings.ReplaceAll(x, "'", "''") + "'") }
	runMapCases(t, map[string]mapCase{
		"true":                       {when("true"), `{}`, hit},
		"false":                      {when("false"), `{}`, miss},
		"number at the bound":        {when("data.d >= 0.2"), `{"data":{"d":0.2}}`, hit},
		"number under the bound":     {when("data.d >= 0.2"), `{"data":{"d":0.19}}`, miss},
		"integer against a fraction": {when("data.d >= 0.2"), `{"data":{"d":1}}`, hit},
		"fraction against integer":   {when("data.d == 1"), `{"data":{"d":1.0}}`, hit},
		"over 63 bits":               {when("data.d > 1"), `{"data":{"d":18446744073709551615}}`, hit},
		"over 64 bits":               {when("data.d > 1"), `{"data":{"d":99999999999999999999}}`, hit},
		"list size":                  {when("size(data.l) == 2"), `{"data":{"l":[1,[2]]}}`, hit},
		"object size":                {when("size(data.o) == 1"), `{"data":{"o":{"a":{"b":1}}}}`, hit},
		"in list":                    {when("'b' in data.l"), `{"data":{"l":["a","b"]}}`, hit},
		"not in list":                {when("'c' in data.l"), `{"data":{"l":["a","b"]}}`, miss},
		"loop over a list":           {when("data.l.exists(x, x.n > 2)"), `{"data":{"l":[{"n":1},{"n":3}]}}`, hit},
		"loop over an object":        {when("data.o.all(k, data.o[k] > 0)"), `{"data":{"o":{"a":1,"b":0}}}`, miss},
		"equal lists":                {when("data.l == ['a', 1]"), `{"data":{"l":["a",1]}}`, hit},
		"equal objects":              {when("data.o == {'a': [1]}"), `{"data":{"o":{"a":[1]}}}`, hit},
		"lists joined":               {when("(data.l + data.l).size() == 4"), `{"data":{"l":[1,2]}}`, hit},
		"null":                       {when("data.x == null"), `{"data":{"x":null}}`, hit},
		"a path":                     {when("data.yes"), `{"data":{"yes":true}}`, hit},
		"a path that is false":       {when("data.yes"), `{"data":{"yes":false}}`, miss},
		"a path that is text":        {when("data.yes"), `{"data":{"yes":"true"}}`, `rule "r": when: data.yes is a string, want true or false`},
		"a value that is a number":   {when("data.?n.orValue(1)"), `{"data":{"n":7}}`, `rule "r": when: data.?n.orValue(1) is a number, want true or false`},
		"has":                        {when("has(data.x)"), `{"data":{"x":null}}`, hit},
		"has not":                    {when("has(data.x)"), `{"data":{}}`, miss},
		"has without data":           {when("has(data.x)"), `{}`, miss},
		"has in depth":               {when("has(data.a.b)"), `{"data":{"a":{"b":1}}}`, hit},
		"optional":                   {when("data.?x.orValue(3) == 3"), `{}`, hit},
		"absent":                     {when("data.x > 1"), `{"data":{}}`, `rule "r": when: data.x > 1: x is absent`},
		"absent path":                {when("data.x"), `{"data":{}}`, `rule "r": when: data.x is absent`},
		"a number of text":           {when("int(data.x) > 1"), `{"data":{"x":"b"}}`, `rule "r": when: int(data.x) > 1: the string makes no int`},
		"a time of text":             {when("timestamp(data.x) > timestamp(event.time)"), `{"data":{"x":"b"}}`, `rule "r": when: timestamp(data.x) > timestamp(event.time): "b" is no time like 2026-03-01T09:00:00Z`},
		"a broken pattern":           {when("data.x.matches(data.x)"), `{"data":{"x":"("}}`, "rule \"r\": when: data.x.matches(data.x): no regular expression: missing closing ): `(`"},
		"wrong type":                 {when("data.x > 1"), `{"data":{"x":"2"}}`, `rule "r": when: data.x > 1: a value is of a type that this does not take`},
		"index out of bounds":        {when("data.l[2] > 1"), `{"data":{"l":[1]}}`, `rule "r": when: data.l[2] > 1: the list has no entry 2, from 0`},
		"attributes":                 {when("event.source.startsWith('/crm') && event.id == '1' && event.type == 'x' && event.specversion == '1.0'"), `{}`, hit},
		"has attribute":              {when("has(event.subject) || !has(event.tenant)"), `{"tenant":"a"}`, miss},
		"loop over attributes":       {when("event.exists(k, k == 'tenant' && event[k] == '7') && event.size() == 5"), `{"tenant":7}`, hit},
		"time is text":               {when("timestamp(event.time) > timestamp('2026-01-01T00:00:00Z')"), `{"time":"2026-03-01T09:00:00+08:00"}`, hit},
		"data is a list":             {when("data[0] == 1"), `{"data":[1]}`, hit},
		"data is text":               {when("data == 'plain'"), `{"datacontenttype":"text/plain","data":"plain"}`, hit},
		"data is +json":              {when("data.a == 1"), `{"datacontenttype":"application/vnd.a+json; charset=utf-8","data_base64":"eyJhIjoxfQ=="}`, hit},
		"data is bytes":              {when("type(data) == bytes && size(data) == 2"), `{"datacontenttype":"image/png","data_base64":"//8="}`, hit},
		"data is broken":             {when("data.a == 1"), `{"data_base64":"eyJhIjo="}`, `rule "r": when: data is not JSON: byte 5: want a value`},
		"broken data nobody reads":   {when("event.id == '1'"), `{"data_base64":"eyJhIjo="}`, hit},
		"too costly": {
			when("data.l.all(a, data.l.all(b, data.l.all(c, data.l.all(d, a + b + c + d >= 0))))"), `{"data":{"l":[` + strings.Repeat("1,", 60) + `1]}}`,
			`rule "r": when: data.l.all(a, data.l.all(b, data.l.all(c, data.l.all(d, a + b + c + d >= 0)))): it takes more work than one event may`,
		},
	})
}

func TestText(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	runMapCases(t, map[string]mapCase{
		"path":         {text("a ${data.x}!"), `{"data":{"x":"b"}}`, "r: everyone: a b!"},
		"deep path":    {text("${data.a.b[1].c}"), `{"data":{"a":{"b":[0,{"c":"d"}]}}}`, "r: everyone: d"},
		"quoted path":  {text(`${data["a b"]["c-d"]}`), `{"data":{"a b":{"c-d":1}}}`, "r: everyone: 1"},
		"attribute":    {text("${event.type} ${event.tenant}"), `{"tenant":5}`, "r: everyone: x 5"},
		"number as is": {text("${data.x} ${data.y} ${data.z}"), `{"data":{"x":1.50,"y":123456789012345678901,"z":3}}`, "r: everyone: 1.50 123456789012345678901 3"},
		"boolean":      {text("${data.x}"), `{"data":{"x":true}}`, "r: everyone: true"},
		"escapes":      {text("${data.x}"), `{"data":{"x":"\u00e9\ud83d\ude00\"\n"}}`, "r: everyone: é😀\"\n"},
		"expression":   {text(`${data.x + 1}/${data.y * 0.5}/${data.s.upperAscii()}/${data.l.join("+")}/${data.x > 0}`), `{"data":{"x":1,"y":3.0,"s":"a","l":["b","c"]}}`, "r: everyone: 2/1.5/A/b+c/true"},
		"order of members": {
			text(`${data.o.map(k, k + string(data.o[k])).join(",")} ${event.map(k, k).join(",")} ${data.o.exists(k, k == "d") ? "" : "no d"}`),
			`{"tenant":"t","data":{"o":{"c":1,"b":2,"a":3,"c":4,"f":5,"e":6,"g":7}}}`,
			"r: everyone: a3,b2,c4,e6,f5,g7 id,source,specversion,tenant,type no d",
		},
		"braces in CEL":    {text(`${{"a": "}"}.a}${"{"}`), `{}`, "r: everyone: }{"},
		"escaped dollar":   {text("$${data.x} $5 $"), `{}`, "r: everyone: ${data.x} $5 $"},
		"default":          {text(`${data.?x.orValue("none")}`), `{}`, "r: everyone: none"},
		"whole data":       {text("${data}"), `{"datacontenttype":"text/plain","data":"plain"}`, "r: everyone: plain"},
		"absent":           {text("${data.a.x}"), `{"data":{"a":{}}}`, `rule "r": message[0].text: data.a.x is absent`},
		"parent absent":    {text("${data.a.x}"), `{"data":{}}`, `rule "r": message[0].text: data.a is absent`},
		"parent is text":   {text("${data.a.x}"), `{"data":{"a":"b"}}`, `rule "r": message[0].text: data.a.x is absent: what holds it is a string`},
		"no data":          {text("${data.a}"), `{}`, `rule "r": message[0].text: data.a is absent`},
		"data is no JSON":  {text("${data.a}"), `{"datacontenttype":"text/plain","data":"plain"}`, `rule "r": message[0].text: data.a is absent: data is no JSON`},
		"data is bytes":    {text("${data}"), `{"datacontenttype":"image/png","data_base64":"//8="}`, `rule "r": message[0].text: data is bytes, want text`},
		"attribute absent": {text("${event.subject}"), `{}`, `rule "r": message[0].text: event.subject is absent`},
		"null":             {text("${data.a}"), `{"data":{"a":null}}`, `rule "r": message[0].text: "null": data.a is null, want text`},
		"list":             {text("${data.a}"), `{"data":{"a":["b"]}}`, `rule "r": message[0].text: "[\"b\"]": data.a is a list, want text`},
		"computed list":    {text("${data.a + data.a}"), `{"data":{"a":["b"]}}`, `rule "r": message[0].text: data.a + data.a is a list, want text`},
		"not a number":     {text("${data.a / 0.0}"), `{"data":{"a":1.5}}`, `rule "r": message[0].text: "+Inf": data.a / 0.0 is no whole number, want a string or a whole number`},
		"renders empty":    {text("${data.a}"), `{"data":{"a":""}}`, `rule "r": message[0].text: it renders empty`},
		"too long": {
			text("${data.a}"), `{"data":{"a":"` + strings.Repeat("会", 2700) + `"}}`,
			`rule "r": message: the request would have 8206 bytes, 8181 of them the message, 0 the audience, allowed 8000`,
		},
	})
}

func TestAudience(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	who := func(a string) string { return oneRule("audience: {" + a + "}") }
	eleven := `["a","b","c","d","e","f","g","h","i","j","k"]`
	runMapCases(t, map[string]mapCase{
		"everyone":            {who("everyone: true"), `{}`, "r: everyone: hi"},
		"literal tags":        {who("tags_any: [b, a, b]"), `{}`, "r: tags_any[a b]: hi"},
		"all of one":          {who("tags_all: [a]"), `{}`, "r: tags_any[a]: hi"},
		"all":                 {who(`tags_all: [a, "${data.t}"]`), `{"data":{"t":"b"}}`, "r: tags_all[a b]: hi"},
		"list spreads":        {who(`tags_any: "${data.t}"`), `{"data":{"t":["b","a",7]}}`, "r: tags_any[7 a b]: hi"},
		"one text is one tag": {who(`tags_any: "${data.t}"`), `{"data":{"t":"a,b"}}`, "r: tags_any[a,b]: hi"},
		"list in a list":      {who(`tags_any: [x, "${data.t}", "c-${data.n}"]`), `{"data":{"t":["b","a"],"n":5}}`, "r: tags_any[a b c-5 x]: hi"},
		"computed list":       {who(`tags_any: "${data.t.map(t, \"tier-\" + t)}"`), `{"data":{"t":["b","a"]}}`, "r: tags_any[tier-a tier-b]: hi"},
		"attribute as tag":    {who(`tags_any: "${event.tenant}"`), `{"tenant":"a"}`, "r: tags_any[a]: hi"},
		"eleven any spread":   {who(`tags_any: "${data.t}"`), `{"data":{"t":` + eleven + `}}`, "r: tags_any[a b c d e f g h i j] + tags_any[k]: hi"},
		"attributes":          {who(`attrs_any: {city: "${data.c}", level: "3"}`), `{"data":{"c":"Oslo"}}`, "r: attrs_any[city=Oslo level=3]: hi"},
		"all attributes":      {who(`attrs_all: {city: "${data.c}", level: "${data.l}"}`), `{"data":{"c":"Oslo","l":3}}`, "r: attrs_all[city=Oslo level=3]: hi"},
		"50 bytes":            {who(`tags_any: "${data.t}"`), `{"data":{"t":["` + strings.Repeat("x", 50) + `"]}}`, "r: tags_any[" + strings.Repeat("x", 50) + "]: hi"},

		"empty list":            {who(`tags_any: "${data.t}"`), `{"data":{"t":[]}}`, `rule "r": audience.tags_any: "[]": data.t is an empty list, and an empty audience is never everyone`},
		"empty computed list":   {who(`tags_any: "${data.t.filter(t, t != \"a\")}"`), `{"data":{"t":["a"]}}`, `rule "r": audience.tags_any: "[]": data.t.filter(t, t != "a") is an empty list, and an empty audience is never everyone`},
		"empty list among tags": {who(`tags_all: [a, "${data.t}"]`), `{"data":{"t":[]}}`, `rule "r": audience.tags_all[1]: "[]": data.t is an empty list, and an empty audience is never everyone`},
		"absent":                {who(`tags_any: "${data.t}"`), `{"data":{}}`, `rule "r": audience.tags_any: data.t is absent`},
		"null":                  {who(`tags_any: "${data.t}"`), `{"data":{"t":null}}`, `rule "r": audience.tags_any: "null": data.t is null, want text`},
		"null in a list":        {who(`tags_any: "${data.t}"`), `{"data":{"t":["a",null]}}`, `rule "r": audience.tags_any: "null": data.t[1] is null, want text`},
		"fraction":              {who(`tags_any: "${data.t}"`), `{"data":{"t":["a",1.5]}}`, `rule "r": audience.tags_any: "1.5": data.t[1] is no whole number, want a string or a whole number`},
		"boolean":               {who(`attrs_any: {vip: "${data.v}"}`), `{"data":{"v":true}}`, `rule "r": audience.attrs_any.vip: "true": data.v is a boolean, want a string or a whole number`},
		"boolean in a text":     {who(`tags_any: ["vip-${data.v}"]`), `{"data":{"v":true}}`, `rule "r": audience.tags_any[0]: "true": data.v is a boolean, want a string or a whole number`},
		"object":                {who(`tags_any: "${data}"`), `{"data":{"v":true}}`, `rule "r": audience.tags_any: "{\"v\":true}": data is an object, want text`},
		"empty tag":             {who(`tags_any: "${data.t}"`), `{"data":{"t":["a",""]}}`, `rule "r": audience.tags_any[1]: it renders empty`},
		"51 bytes":              {who(`tags_any: "${data.t}"`), `{"data":{"t":["a","` + strings.Repeat("会", 17) + `"]}}`, `rule "r": audience.tags_any[1]: "` + strings.Repeat("会", 17) + `": 51 bytes, allowed 1 to 50`},
		"51 bytes spread":       {who(`tags_any: "${data.t}"`), `{"data":{"t":["` + strings.Repeat("x", 51) + `",` + eleven[1:] + `}}`, `rule "r": audience.tags_any[0]: "` + strings.Repeat("x", 51) + `": 51 bytes, allowed 1 to 50`},
		"eleven all":            {who(`tags_all: "${data.t}"`), `{"data":{"t":` + eleven + `}}`, `rule "r": audience.tags_all: "a, b, c, d, e, f, g, h, i, j, k": tags: 11, allowed 1 to 10`},
		"eleven all, with one":  {who(`tags_all: [a, "${data.t}"]`), `{"data":{"t":` + eleven + `}}`, `rule "r": audience.tags_all: "a, a, b, c, d, e, f, g, h, i, j, k": tags: 11, allowed 1 to 10`},
		"empty value":           {who(`attrs_all: {city: "${data.c}", level: "3"}`), `{"data":{"c":""}}`, `rule "r": audience.attrs_all.city: it renders empty`},
		"long value":            {who(`attrs_all: {city: "${data.c}", level: "3"}`), `{"data":{"c":"` + strings.Repeat("x", 51) + `"}}`, `rule "r": audience.attrs_all.city: "` + strings.Repeat("x", 51) + `": 51 bytes, allowed 1 to 50`},
	})
}

func TestOrderOfRules(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	rules := func(first, second string) string {
		return "version: 1\nrules:\n" +
			"  - {name: a, match: {type: x}, audience: {everyone: true}, message: [{text: a}], " + first + "}\n" +
			"  - {name: b, match: {type: {prefix: x}}, audience: {everyone: true}, message: [{text: b}], " + second + "}\n" +
			"  - {name: c, match: {source: /crm/a}, audience: {everyone: true}, message: [{text: c}]}\n"
	}
	runMapCases(t, map[string]mapCase{
		"the first":              {rules("", ""), `{}`, "a: everyone: a"},
		"continue":               {rules("continue: true", ""), `{}`, "a: everyone: a\nb: everyone: b"},
		"continue twice":         {rules("continue: true", "continue: true"), `{}`, "a: everyone: a\nb: everyone: b\nc: everyone: c"},
		"unmatched passes":       {rules("when: false", ""), `{}`, "b: everyone: b"},
		"failed stops":           {rules("when: data.x", ""), `{}`, `rule "a": when: data.x is absent`},
		"failed goes on":         {rules("when: data.x, continue: true", ""), `{}`, "b: everyone: b\n" + `rule "a": when: data.x is absent`},
		"type without exact":     {rules("", ""), `{"type":"xy"}`, "b: everyone: b"},
		"only the general rules": {rules("", ""), `{"type":"z"}`, "c: everyone: c"},
		"none":                   {rules("when: false", "when: false"), `{"source":"/b"}`, "no rule matches: a (when), b (when), c (source)"},
	})
}

func TestExpiry(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	at := func(clock string) time.Time {
		when, err := time.Parse(time.RFC3339, "2026-03-01T"+clock)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for name, tt := range map[string]struct {
		rules, event string
		want         time.Time
		wantErr      string
	}{
		"built in":             {oneRule(), `{}`, received.Add(24 * time.Hour), ""},
		"expire_after":         {oneRule("delivery: {expire_after: 1h}"), `{}`, received.Add(time.Hour), ""},
		"defaults":             {strings.Replace(oneRule(), "rules:", "defaults: {expire_after: 2h}\nrules:", 1), `{}`, received.Add(2 * time.Hour), ""},
		"expirytime":           {oneRule("delivery: {expire_after: 1h}"), `{"expirytime":"2026-03-01T12:00:00Z"}`, at("12:00:00Z"), ""},
		"expire_at":            {oneRule(`delivery: {expire_at: "${data.e}"}`), `{"expirytime":"2026-03-01T12:00:00Z","data":{"e":"2026-03-01T20:00:00.5+08:00"}}`, at("12:00:00.5Z"), ""},
		"in the past":          {oneRule(`delivery: {expire_at: "2026-03-01T01:00:00Z"}`), `{}`, at("01:00:00Z"), ""},
		"expire_at is no time": {oneRule(`delivery: {expire_at: "${data.e}"}`), `{"data":{"e":"soon"}}`, time.Time{}, `rule "r": delivery.expire_at: "soon": want a time like 2026-03-01T20:00:00+08:00`},
		"expire_at is absent":  {oneRule(`delivery: {expire_at: "${data.e}"}`), `{}`, time.Time{}, `rule "r": delivery.expire_at: data.e is absent`},
		"expirytime is none":   {oneRule(), `{"expirytime":"soon"}`, time.Time{}, `rule "r": event.expirytime: "soon": want a time like 2026-03-01T20:00:00+08:00`},
	} {
		t.Run(name, func(t *testing.T) {
			e, o := mustEvent(t, tt.event)
			m := mustParse(t, tt.rules).Map(e, o)
			if tt.wantErr != "" {
				if got := summary(m); got != tt.wantErr {
					t.Fatalf("Map = %s, want %s", got, tt.wantErr)
				}
				return
			}
			if len(m.Intents) != 1 || !m.Intents[0].Policy.Expires.Equal(tt.want) {
				t.Fatalf("Map = %+v, want one intent that expires %v", m, tt.want)
			}
		})
	}
}
