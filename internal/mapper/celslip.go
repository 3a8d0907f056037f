package mapper

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// celSlips are what authors write who know another language, by what CEL's parser and
// checker say of it once parserWords has been over that. A dollar name of the pattern
// stands for itself in msg and do; an empty msg leaves what was said.
var celSlips = []struct {
	said    *regexp.Regexp
	msg, do string
}{
	{regexp.MustCompile(`^unexpected '=`), "one = compares nothing", "write =="},
	{regexp.MustCompile(`^unexpected 'and'`), "", "write &&"},
	{regexp.MustCompile(`^unexpected 'or'`), "", "write ||"},
	{regexp.MustCompile(`^unexpected 'is'`), "", "write =="},
	{regexp.MustCompile(`^unexpected '(contains|startsWith|endsWith|matches)'`), "", `write it as a function of the text: data.title.$1("…")`},
	{regexp.MustCompile(`^unexpected '\.\.?'`), "", "write a name behind each point, and one point before it"},
	{regexp.MustCompile(`^unexpected ';'`), "", "take it out: there is one expression"},
	{regexp.MustCompile(`^unexpected '\$'`), "", "leave it out: names stand without it"},
	{regexp.MustCompile("^unexpected '`"), "", `put texts into " " or ' '`},
	{regexp.MustCompile(`^unexpected end`), "it ends too early", "write what is missing at its end"},
	{regexp.MustCompile(`^missing '(.)' at end`), "a $1 is missing at the end", "write it where it belongs"},
	{regexp.MustCompile(`^invalid argument to has\(\) macro`), "has asks whether a member is there", "name one, as has(data.title)"},
	{regexp.MustCompile(`^argument must be a simple name`), "the first argument is a name for each entry", "write it like data.list.exists(x, x > 1)"},
	{regexp.MustCompile(`^reserved identifier: (\w+)`), "$1 is a word that CEL keeps for itself", `choose by condition ? this : that, and name a member as data["$1"]`},
	{regexp.MustCompile(`^invalid int literal`), "the number is larger than any whole one", "write it with a point"},
	{regexp.MustCompile(`^error parsing regexp: (.*)$`), "no regular expression: $1", "mend the pattern: it is of the kind of RE2"},
	{regexp.MustCompile(`^type conversion error from 'string' to 'google\.protobuf\.Duration'`), "the text is no duration", `write it like duration("90s")`},
	{regexp.MustCompile(`^type conversion error from 'string' to 'google\.protobuf\.Timestamp'`), "the text is no time", `write it like timestamp("2026-03-01T09:00:00Z")`},
	{regexp.MustCompile(`^invalid RFC 3339 timestamp`), "the text is no time", `write it like timestamp("2026-03-01T09:00:00Z")`},
	{regexp.MustCompile(`^type conversion error from 'string' to '(\w+)'`), "the text makes no $1", "write a number without quotes"},
	{regexp.MustCompile(`^\S+ does not take \(type\(type\), `), "", "type alone is a function of CEL: the event's is event.type"},
	{regexp.MustCompile(`^there is no '(?i:(true|false))'`), "", "it is written in small letters"},
	{regexp.MustCompile(`^there is no '(?i:nil|none|undefined|null)'`), "", "write null, or ask !has(data.title)"},
	{regexp.MustCompile(`^there is no '(id|source|subject|time|dataschema|datacontenttype|specversion)'`), "", "did you mean event.$1?"},
	{regexp.MustCompile(`^there is no '(all|exists|exists_one|filter|map)'`), "$1 takes a name for each entry, and what to ask of it", "write it like data.list.$1(x, x > 1)"},
}

// celFunctions are those that expressions have; of a macro the parser says nothing.
var celFunctions = []string{
	"all", "bool", "charAt", "contains", "double", "duration", "dyn", "endsWith", "exists", "exists_one", "filter", "format", "getDate", "getDayOfMonth", "getDayOfWeek",
	"getFullYear", "getHours", "getMinutes", "getMonth", "getSeconds", "has", "indexOf", "int", "join", "lastIndexOf", "lowerAscii", "map", "matches", "orValue", "replace",
	"reverse", "size", "split", "startsWith", "string", "substring", "timestamp", "trim", "type", "upperAscii",
}

// otherNames are those that functions have elsewhere.
var otherNames = map[string]string{
	"len": "size", "length": "size", "count": "size", "lower": "lowerAscii", "toLower": "lowerAscii", "upper": "upperAscii", "toUpper": "upperAscii",
	"includes": "contains", "any": "exists", "some": "exists", "every": "all", "str": "string", "float": "double", "number": "double", "date": "timestamp",
}

var noName = regexp.MustCompile(`^there is no '([^']*)'`)

// explainSlip says in an author's words what CEL says of the line at its byte.
func explainSlip(f finding, line string, at int) finding {
	if strings.HasPrefix(f.msg, "unexpected ") {
		if do := explainUnexpected(line, at); do.do != "" {
			return do
		}
	}
	for _, s := range celSlips {
		match := s.said.FindStringSubmatchIndex(f.msg)
		if match == nil {
			continue
		}
		msg := f.msg
		if w := noName.FindStringSubmatch(msg); w != nil {
			msg = "there is no " + w[1]
		}
		if s.msg != "" {
			msg = string(s.said.ExpandString(nil, s.msg, f.msg, match))
		}
		return finding{msg: msg, do: string(s.said.ExpandString(nil, s.do, f.msg, match))}
	}
	w := noName.FindStringSubmatch(f.msg)
	if w == nil {
		return f
	}
	name := w[1]
	if strings.HasPrefix(line[at:], "(") { // the place of a call is behind its name
		f.msg = "there is no function " + name
		f.do = meant(cmp.Or(otherNames[name], name), celFunctions, "there are those of CEL and of its texts, as size, contains, startsWith, matches, lowerAscii, timestamp and duration")
		return f
	}
	f.msg = "there is no " + name
	f.do = meant(name, []string{"data", "event"}, fmt.Sprintf("did you mean data.%s? All names begin with data or event, and texts stand in quotes", name))
	return f
}

var (
	lastWord    = regexp.MustCompile(`(\w+)\s*$`)
	letters     = regexp.MustCompile(`^[a-z]+`)
	optionalDot = regexp.MustCompile(`\w\?\.\w`)
)

// explainUnexpected looks at the line where what the parser says is not enough.
func explainUnexpected(line string, at int) finding {
	before, rest := line[:at], line[at:]
	word := lastWord.FindStringSubmatch(before)
	switch {
	case rest != "" && strings.ContainsAny(rest[:1], `"'`):
		quote := rest[:1]
		text, _, closed := strings.Cut(rest[1:], quote)
		switch {
		case !closed:
			return finding{msg: "the text is never closed", do: "write " + quote + " where it ends"}
		case strings.Contains(text, `\`):
			return finding{msg: "an escape in this text means nothing", do: `write \\ for a backslash`}
		}
		return finding{msg: "something is missing before this text", do: "write the comma of a list, or an operator as == or +"}
	case strings.HasPrefix(rest, ">") && strings.HasSuffix(before, "<"):
		return finding{msg: "<> is no operator", do: "write !="}
	case optionalDot.MatchString(line):
		return finding{msg: "?. is no operator", do: "write the ? behind the point for a member that may be absent: data.?title"}
	case word != nil && word[1] == "not":
		return finding{msg: "not is no operator", do: "write !"}
	case word != nil && strings.HasSuffix(before, word[1]) && strings.Trim(word[1], "0123456789") == "":
		switch unit := letters.FindString(rest); unit {
		case "":
		case "ms", "s", "m", "h":
			return finding{msg: "a number with a unit", do: fmt.Sprintf("write it like duration(\"%s%s\")", word[1], unit)}
		default:
			return finding{msg: "a number with a unit", do: "write it in hours, minutes or seconds, like duration(\"24h\")"}
		}
	}
	return finding{}
}

// celFailures are the reasons for which CEL gives no value for an event.
var celFailures = []struct {
	said *regexp.Regexp
	msg  string
}{
	{regexp.MustCompile(`^no such key: (.*)$`), "$1 is absent"},
	{regexp.MustCompile(`^no such overload`), "a value is of a type that this does not take"},
	{regexp.MustCompile(`^index out of bounds: (.*)$`), "the list has no entry $1, from 0"},
	{regexp.MustCompile(`^index out of range: (.*)$`), "the text has no character $1, from 0"},
	{regexp.MustCompile(`^type conversion error from '(\w+)' to '(?:google\.protobuf\.)?(\w+)'`), "the $1 makes no $2"},
	{regexp.MustCompile(`^invalid RFC 3339 timestamp (.*)$`), "$1 is no time like 2026-03-01T09:00:00Z"},
	{regexp.MustCompile(`^error parsing regexp: (.*)$`), "no regular expression: $1"},
	{regexp.MustCompile(`overflow$`), "a number leaves the range of its type"},
	{regexp.MustCompile(`cost limit exceeded`), "it takes more work than one event may"},
}

// explainFailure says in an author's words what CEL says.
func explainFailure(said string) string {
	for _, f := range celFailures {
		if match := f.said.FindStringSubmatchIndex(said); match != nil {
			return string(f.said.ExpandString(nil, f.msg, said, match))
		}
	}
	return said
}
