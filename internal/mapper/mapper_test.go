package mapper

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// received is when all events of these tests reached Kafka.
var received = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func mustParse(t testing.TB, yaml string) *Rules {
	t.Helper()
	r, err := Parse("rules.yaml", []byte(yaml), Limits{})
	if err != nil {
		t.Fatalf("Parse:\n%v", err)
	}
	return r
}

// mustEvent decodes a structured event; members that are not said are filled in.
func mustEvent(t interface {
	Helper()
	Fatal(...any)
}, members string) (*event.Event, intent.Origin) {
	t.Helper()
	all := map[string]json.RawMessage{"specversion": json.RawMessage(`"1.0"`), "id": json.RawMessage(`"1"`), "source": json.RawMessage(`"/crm/a"`), "type": json.RawMessage(`"x"`)}
	if err := json.Unmarshal([]byte(members), &all); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var e event.Event
	if err := e.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return &e, intent.Origin{Source: e.Source(), ID: e.ID(), Type: e.Type(), Time: received, Received: received}
}
