package mapper

import (
	"strings"
	"testing"
)

// TestSchemaAgreesOnValues puts one value at a time into a good file, so that
// no problem hides behind another.
func TestSchemaAgreesOnValues(t *testing.T) {
	t.Attr("guards", "editors and the bridge agree on what a rule file is")
	t.Parallel()
	schema := compileSchema(t)
	const (
		budget   = "budget: {pools: {m: {}}}\n"
		interval = "time_intervals: [{name: d, time_intervals: [{V}]}]\n"
		delivery = "    delivery: {V}\n"
		coalesce = "    coalesce: {V}\n"
		rule     = "    V\n"
	)
	for _, tt := range []struct {
		at        string // where V stands: a top-level key, or one of the rule's
		good, bad []string
	}{
		{
			at:   "budget: {V}\n",
			good: []string{"quota: 1", "quota: 10000000", "window: 24h", "window: day", "window: day, location: Asia/Tokyo", "reserve: auto", "reserve: {critical: 0}", "pools: {a: {}}", "pools: {a: {at_least: 0, at_most: 1, borrow: true}}", "pools: {a: {borrow: false}}"},
			bad: []string{
				"quota: 0", "quota: -1", "quota: 1.5", `quota: "1"`, "quota: 10000001", "window: 48h", "window: 24h, location: UTC", "location: UTC", "window: day, location: Local", `window: day, location: ""`,
				"reserve: 5", "reserve: {}", "reserve: {critical: -1}", "reserve: {high: 1}", "reserve: {critical: 1, high: 1}", "pools: {}", "pools: {A: {}}", "pools: {a: 5}", "pools: {a: {at_most: 0}}", "pools: {a: {at_least: -1}}",
				"pools: {a: {borrow: true}}", "pools: {a: {borrow: 1, at_most: 1}}", "pools: {a: {share: 1}}", "calls: 5",
			},
		},
		{
			at:   "lanes: [V]\n",
			good: []string{"{name: a}", "{name: a, budget: {}}", "{name: a}, {name: b}"},
			bad:  []string{"", "a", "{}", "{name: A}", "{name: 5}", "{name: default}", "{name: a, budget: 5}", "{name: a, quota: 5}", "{name: a, budget: {quota: 0}}"},
		},
		{
			at: interval,
			good: []string{
				`times: [{start_time: "00:00", end_time: "24:00"}], location: Asia/Tokyo`, `times: [{start_time: "23:59", end_time: "24:00"}]`, "weekdays: [sunday, \"monday:saturday\"]", `days_of_month: ["1", "31", "-31", "-1", "1:31", "-3:-1", "15:-1"]`,
				`months: [january, "12", "may:december", "1:3"]`, `years: ["1970", "2026:2030", "9999"]`,
			},
			bad: []string{
				"", "location: UTC", "times: []", "times: 5", "times: [{}]", `times: [{start_time: "08:00"}]`, `times: [{start_time: "8:00", end_time: "9:00"}]`, `times: [{start_time: "08:00", end_time: "24:01"}]`,
				`times: [{start_time: "24:00", end_time: "24:00"}]`, `times: [{start_time: "08:60", end_time: "10:00"}]`, "weekdays: []", "weekdays: [mon]", "weekdays: [Monday]", "weekdays: [1]", `weekdays: ["monday:"]`, `weekdays: ["monday:tuesday:friday"]`,
				`days_of_month: ["0"]`, `days_of_month: ["32"]`, `days_of_month: ["01"]`, `days_of_month: ["+1"]`, "days_of_month: [1]", `months: ["0"]`, `months: ["13"]`, "months: [jan]", "months: [5]", `years: ["1969"]`, `years: ["10000"]`, "years: [2026]",
				"weekdays: [monday], location: Local", "weekdays: [monday], hours: 5",
			},
		},
		{
			at:   "defaults: {V}\n",
			good: []string{"frequency: {at_most: 3, per: 24h}", "lane: default"},
			bad:  []string{"lane: A", "lane: 5", "pool: 5", "active: []", "active: daytime", "frequency: 3", "owner: a", "on_doubt: drop"},
		},
		{
			at:   rule,
			good: []string{"approve: {by: 1, within: 30m}", "approve: {by: 10, within: 24h}\n    delivery: {priority: high}"},
			bad: []string{
				"approve: 1", "approve: {}", "approve: {by: 1}", "approve: {within: 30m}", "approve: {by: 0, within: 30m}", "approve: {by: 11, within: 30m}", "approve: {by: 1.5, within: 30m}", "approve: {by: [ann], within: 30m}",
				"approve: {by: 1, within: 30}", "approve: {by: 1, within: 30m, at: x}", "approve: {by: 1, within: 30m}\n    delivery: {priority: critical}",
			},
		},
		{
			at:   budget + delivery,
			good: []string{"pool: m"},
		},
		{
			at:   delivery,
			good: []string{"frequency: {at_most: 1, per: 1m}", "priority: critical, frequency: {at_most: 1, per: 1m}"},
			bad:  []string{"frequency: {}", "frequency: {at_most: 1}", "frequency: {per: 1h}", "frequency: {at_most: 0, per: 1h}", "frequency: {at_most: 1, per: 60}", "frequency: {at_most: 1, per: 1h, burst: 1}", "active: []", "active: [A]", "active: [a, a]", "active: daytime", "pool: M", "lane: L"},
		},
		{
			at:   coalesce,
			good: []string{"mode: digest", "mode: digest, max_messages: 1", "mode: digest, max_messages: 20, overflow: newest, key: k", `mode: digest, at: "00:00", overflow: next`, "mode: digest, at: 18:00, location: Asia/Tokyo", "mode: latest, key: k, scope: s"},
			bad: []string{
				"mode: digest, max_messages: 0", "mode: digest, max_messages: 21", `mode: digest, max_messages: "5"`, "mode: digest, overflow: fail", "mode: digest, overflow: oldest", `mode: digest, key: ""`, "mode: digest, scope: s", "mode: digest, location: UTC",
				"mode: digest, at: 6pm", `mode: digest, at: "24:00"`, `mode: digest, at: "8:00"`, `mode: digest, at: "18:00", location: Local`, "mode: latest, scope: s", "mode: latest, key: k, scope: S", `mode: latest, key: k, at: "18:00"`,
				"mode: merge, scope: s", "mode: merge, max_messages: 5", `mode: none, at: "18:00"`, "mode: none, overflow: next", "mode: none, key: k", "max_messages: 5",
			},
		},
		{
			at:   coalesce + "    delivery: {priority: critical}\n",
			good: []string{"mode: digest", "mode: latest, key: k"},
			bad:  []string{`mode: digest, at: "18:00"`},
		},
		{
			at:  "    delivery: {priority: critical, V}\n",
			bad: []string{"active: [daytime]"},
		},
		{
			at:   "budget: {pools: {m: {}}}\n" + rule,
			good: []string{"suppresses: {pool: m, for: 15m}"},
			bad:  []string{"suppresses: m", "suppresses: {}", "suppresses: {pool: m}", "suppresses: {for: 15m}", "suppresses: {pool: M, for: 15m}", "suppresses: {pool: m, for: 15}", "suppresses: {pool: m, for: 15m, lane: a}"},
		},
		{
			at:   "    coalesce: {mode: digest}\n    message: V\n",
			good: []string{"[{text: hi}]", "{item: [{text: hi}]}", "[{text: hi}, {face: {index: 1}}]"},
			bad:  []string{"{}", "{item: []}", "{item: hi}", "{items: [{text: hi}]}", "{item: [{text: hi}], header: hi}", "[{custom: {data: x}}]", "{item: [{custom: {data: x}}]}", "hi"},
		},
		{
			at:   "    message: V\n",
			good: []string{"[{text: hi}, {custom: {data: x}}]"},
			bad:  []string{"{item: [{text: hi}]}"},
		},
	} {
		for i, v := range append(tt.good, tt.bad...) {
			top, own := "", ""
			for line := range strings.Lines(strings.ReplaceAll(tt.at, "V", v)) {
				if line = strings.ReplaceAll(line, ", }", "}"); line[0] == ' ' {
					own += line
				} else {
					top += line
				}
			}
			text := "version: 1\n" + top + "rules:\n  - name: r\n    match: {type: x}\n    audience: {everyone: true}\n" + own
			if !strings.Contains(own, "message:") {
				text += "    message: [{text: hi}]\n"
			}
			_, parseErr := Parse("rules.yaml", []byte(text), Limits{})
			schemaErr := validate(schema, []byte(text))
			if good := i < len(tt.good); good != (parseErr == nil) || good != (schemaErr == nil) {
				t.Errorf("%sgood: %t; Parse: %v; schema: %v", text, good, parseErr, schemaErr)
			}
		}
	}
}
