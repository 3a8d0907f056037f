package mapper

import (
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func TestCondition(t *testing.T) {
	t.Attr("guards", "a condition on the command line means what it means in a rule")
	t.Parallel()
	e := event.New()
	e.SetID("1")
	e.SetSource("/s")
	e.SetType("x")
	if err := e.SetData(event.ApplicationJSON, map[string]any{"level": 3, "urgent": true}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"data.level >= 3": true, "data.level > 3": false, "data.urgent": true, `event.type == "x"`: true, "has(data.other)": false} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := c.Holds(&e); got != want || err != nil {
				t.Errorf("%s: %v, %v; want %v", text, got, err, want)
			}
		}
	}
	c, err := ParseCondition("data.missing > 3")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Holds(&e); err == nil {
		t.Error("a field that is absent is no answer")
	}
	if _, err := ParseCondition("data.level >"); err == nil {
		t.Error("half an expression was taken")
	}
}
