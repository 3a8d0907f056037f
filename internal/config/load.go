package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Error is a variable that is missing or wrong. Load returns all of them,
// joined.
type Error struct {
	Name string // the variable, with its prefix
	Msg  string // what is wrong, and the mend
}

// Error names the variable first.
func (e *Error) Error() string { return e.Name + ": " + e.Msg }

// Load reads the configuration from an environment of NAME=value lines (as
// os.Environ gives). A secret may stand in a file named by NAME_FILE. It returns
// warnings for unknown variables with our prefix, and one error that lists
// every problem.
func Load(environ []string) (Config, []string, error) {
	vars := env.ToMap(environ)
	warnings := unknown(vars)
	c, err := parse(vars, func(string) bool { return true })
	return c, warnings, err
}

// LoadKafka reads and checks the variables of Kafka alone, for commands that
// need neither rules nor the push API, nor the topics that run reads.
func LoadKafka(environ []string) (Kafka, error) {
	c, err := parse(env.ToMap(environ), func(name string) bool {
		return strings.HasPrefix(name, Prefix+"KAFKA_") && name != Prefix+"KAFKA_TOPICS"
	})
	return c.Kafka, err
}

// LoadReplay reads what commands about replays need: the bridge's configuration but
// for the topics that run reads, the rule file and what lets calls be made, which may
// be absent.
func LoadReplay(environ []string) (Config, error) {
	return parse(env.ToMap(environ), func(name string) bool {
		switch name {
		case Prefix + "KAFKA_TOPICS", Prefix + "RULES_FILE", Prefix + "HTTP_ADDR":
			return false
		case Prefix + "PUSH_QUOTA", Prefix + "PUSH_INTERVAL", Prefix + "PUSH_MARGIN", Prefix + "PUSH_MAX_REQUEST_BYTES":
			return true
		}
		return !strings.HasPrefix(name, Prefix+"PUSH_") && !strings.HasPrefix(name, Prefix+"LANE_")
	})
}

// LoadDecoding reads and checks the variables that say which records are events.
func LoadDecoding(environ []string) (maxBytes int, bareStructured bool, err error) {
	c, err := parse(env.ToMap(environ), func(name string) bool {
		return name == Prefix+"MAX_EVENT_BYTES" || name == Prefix+"ACCEPT_BARE_STRUCTURED"
	})
	return c.Pipeline.MaxEventBytes, c.Pipeline.BareStructured, err
}

// parse reads all variables and reports the problems of those that are needed.
func parse(vars map[string]string, needed func(name string) bool) (Config, error) {
	problems := readSecretFiles(vars, Variables())
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: vars, Prefix: Prefix})
	problems = append(problems, translate(err, vars, Variables())...)
	problems = append(problems, c.check()...)
	problems = append(problems, c.readLanes(vars)...)

	seen := map[string]bool{}
	var errs []error
	for _, p := range problems {
		if needed(p.Name) && !seen[p.Name] { // the first problem of a variable is its cause
			seen[p.Name] = true
			errs = append(errs, p)
		}
	}
	switch len(errs) {
	case 0:
		return c, nil
	case 1:
		return Config{}, fmt.Errorf("environment: %w (bridge env lists all variables)", errs[0])
	}
	return Config{}, fmt.Errorf("environment: %d problems (bridge env lists all variables):\n%w", len(errs), errors.Join(errs...))
}

// readSecretFiles puts the content of each NAME_FILE in the place of NAME.
func readSecretFiles(vars map[string]string, variables []Variable) []*Error {
	var problems []*Error
	for _, v := range variables {
		file, ok := vars[v.Name+"_FILE"]
		if !v.Secret || !ok {
			continue
		}
		if vars[v.Name] != "" {
			problems = append(problems, &Error{v.Name, fmt.Sprintf("%s_FILE is set too: keep one", v.Name)})
			continue
		}
		content, err := os.ReadFile(file)
		text := strings.TrimRight(string(content), "\r\n")
		switch {
		case err != nil:
			problems = append(problems, &Error{v.Name + "_FILE", err.Error()})
			vars[v.Name] = "unread" // so that it is not also reported as missing
		case text == "":
			problems = append(problems, &Error{v.Name + "_FILE", file + " is empty"})
			vars[v.Name] = "unread"
		default:
			vars[v.Name] = text
		}
	}
	return problems
}

// translate turns the library's errors into ours: it names fields, we name
// variables.
func translate(err error, vars map[string]string, variables []Variable) []*Error {
	if err == nil {
		return nil
	}
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return []*Error{{Prefix + "*", err.Error()}}
	}
	var problems []*Error
	for _, err := range aggregate.Errors {
		if e, ok := errors.AsType[env.VarIsNotSetError](err); ok {
			problems = append(problems, missing(e.Key, variables))
		} else if e, ok := errors.AsType[env.EmptyVarError](err); ok {
			problems = append(problems, missing(e.Key, variables))
		} else if e, ok := errors.AsType[env.ParseError](err); ok {
			name := variableOf(e.Name, variables)
			problems = append(problems, &Error{name, fmt.Sprintf("%q: want %s", vars[name], wanted(e.Type))})
		} else {
			problems = append(problems, &Error{Prefix + "*", err.Error()})
		}
	}
	return problems
}

// wanted says in words what a variable of the type takes.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration with a unit, such as 30s or 5m"
	case t == reflect.TypeFor[slog.Level]():
		return "DEBUG, INFO, WARN or ERROR"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Uint32:
		return "a whole number"
	}
	return "a " + t.String()
}

func missing(name string, variables []Variable) *Error {
	desc := ""
	for _, v := range variables {
		if v.Name == name {
			desc = ": " + v.Desc
		}
	}
	return &Error{name, "required and not set" + desc}
}

// variableOf finds the variable of a struct field; the library reports fields
// by name only, and each name is used once or means the same everywhere.
func variableOf(field string, variables []Variable) string {
	for _, v := range variables {
		if strings.TrimPrefix(v.field, laneInText) == field {
			return v.Name
		}
	}
	return field
}

// Variable is one variable of the environment, for people.
type Variable struct {
	Name     string `json:"name"`
	Default  string `json:"default"`
	Required bool   `json:"required"`
	Secret   bool   `json:"secret"` // may also be given as NAME_FILE
	Desc     string `json:"meaning"`

	field string
}

// Variables lists every variable, in the struct's order; those of a lane have
// <NAME> in the place of its name, and come last.
func Variables() []Variable {
	return append(walk(reflect.TypeFor[Config](), Prefix), lanesVariables(walk(reflect.TypeFor[Push](), Prefix+"PUSH_"))...)
}

func walk(t reflect.Type, prefix string) []Variable {
	var all []Variable
	for f := range t.Fields() {
		if sub, ok := f.Tag.Lookup("envPrefix"); ok {
			all = append(all, walk(f.Type, prefix+sub)...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
		if name == "-" {
			continue
		}
		all = append(all, Variable{
			Name:     prefix + name,
			Default:  f.Tag.Get("envDefault"),
			Required: strings.Contains(options, "required"),
			Secret:   f.Type == reflect.TypeFor[Secret](),
			Desc:     f.Tag.Get("desc"),
			field:    f.Name,
		})
	}
	return all
}

// unknown warns of variables with our prefix that nothing reads, and names the
// known one that was probably meant.
func unknown(vars map[string]string) []string {
	var known []string
	variables := Variables()
	for _, lane := range laneNames(vars) {
		variables = append(variables, variablesOf(lane)...)
	}
	for _, v := range variables {
		if strings.Contains(v.Name, laneInText) {
			continue
		}
		known = append(known, v.Name)
		if v.Secret {
			known = append(known, v.Name+"_FILE")
		}
	}
	var warnings []string
	for name := range vars {
		if !strings.HasPrefix(name, Prefix) || slices.Contains(known, name) || slices.Contains(foreign, name) {
			continue
		}
		w := name + ": unknown variable, ignored"
		if near := Nearest(name, known); near != "" {
			w += "; did you mean " + near + "?"
		} else {
			w += unlisted(name)
		}
		warnings = append(warnings, w)
	}
	slices.Sort(warnings)
	return warnings
}

// foreign are variables that other commands or the tests read.
var foreign = []string{Prefix + "TEST_KAFKA", Prefix + "URL"}
