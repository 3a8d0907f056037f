package mapper

import (
	"strconv"
	"testing"
)

// What authors write who know another language, and what the parser and the checker say
// of it in words of theirs.
func TestSlipsInExpressionsAreTold(t *testing.T) {
	t.Attr("guards", "an expression that does not compile is told with what to write")
	t.Parallel()
	lang, err := newLanguage()
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		`data.x = 1`:            `, character 8: one = compares nothing; write ==`,
		`data.x === 1`:          `, character 10: one = compares nothing; write ==`,
		`data.x <> 1`:           `, character 9: <> is no operator; write !=`,
		`data.x and data.y`:     `, character 8: unexpected 'and'; write &&`,
		`data.x or data.y`:      `, character 8: unexpected 'or'; write ||`,
		`not data.x`:            `, character 5: not is no operator; write !`,
		`data.x contains "a"`:   `, character 8: unexpected 'contains'; write it as a function of the text: data.title.contains("…")`,
		`data.x == 100ms`:       `, character 14: a number with a unit; write it like duration("100ms")`,
		`data.x == 10d`:         `, character 13: a number with a unit; write it in hours, minutes or seconds, like duration("24h")`,
		`data.x == ["a" "b"]`:   `, character 16: something is missing before this text; write the comma of a list, or an operator as == or +`,
		`data.tier "gold"`:      `, character 11: something is missing before this text; write the comma of a list, or an operator as == or +`,
		`data.x == 10m`:         `, character 13: a number with a unit; write it like duration("10m")`,
		`data.x == nil`:         `, character 11: there is no nil; write null, or ask !has(data.title)`,
		`data.x == True`:        `, character 11: there is no True; it is written in small letters`,
		`data.x == gold`:        `, character 11: there is no gold; did you mean data.gold? All names begin with data or event, and texts stand in quotes`,
		`source == "/a"`:        `, character 1: there is no source; did you mean event.source?`,
		`type == "a"`:           `, character 6: == does not take (type(type), string); type alone is a function of CEL: the event's is event.type`,
		`datta.x == 1`:          `, character 1: there is no datta; did you mean data?`,
		`data.x.startWith("a")`: `, character 17: there is no function startWith; did you mean startsWith?`,
		`data.x.length() > 3`:   `, character 14: there is no function length; did you mean size?`,
		`data.x.all(y)`:         `, character 11: all takes a name for each entry, and what to ask of it; write it like data.list.all(x, x > 1)`,
		`has(data)`:             `, character 5: has asks whether a member is there; name one, as has(data.title)`,
		`data?.x`:               `, character 8: ?. is no operator; write the ? behind the point for a member that may be absent: data.?title`,
		`$data.x`:               `, character 1: unexpected '$'; leave it out: names stand without it`,
		`data.x == "gold`:       `, character 11: the text is never closed; write " where it ends`,
		`data.x == "\q"`:        `, character 11: an escape in this text means nothing; write \\ for a backslash`,
		"data.ü == 1":           `, character 6: unexpected 'ü'; correct the expression: it is CEL over event and data`,
		"true &&\n data.x = 1":  `, character 9: one = compares nothing; write ==`,
		`(data.x`:               `, character 8: a ) is missing at the end; write it where it belongs`,
		`data.x ==`:             `, character 10: it ends too early; write what is missing at its end`,
		`if data.x`:             `, character 1: if is a word that CEL keeps for itself; choose by condition ? this : that, and name a member as data["if"]`,
		`data.x.matches("(")`:   ": no regular expression: missing closing ): `(`; mend the pattern: it is of the kind of RE2",
		`duration("soon")`:      `: the text is no duration; write it like duration("90s")`,
		`int("a")`:              `: the text makes no int; write a number without quotes`,
	} {
		_, err := lang.compile(source)
		if err == nil {
			t.Errorf("%s compiles", source)
			continue
		}
		want = `expression ` + strconv.Quote(source) + want
		if got := err.Error() + "; " + mend(err); got != want {
			t.Errorf("%s\n got %s\nwant %s", source, got, want)
		}
	}
}
