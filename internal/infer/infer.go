package infer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/mapper"
)

// Bounds on what is remembered.
const (
	maxTypes = 1000
	maxNodes = 100_000 // places in the data of all types together
)

// Drafts collects what events say. The zero value is ready for use.
type Drafts struct {
	types map[string]*draft
	nodes int
}

// draft is what the events of one type say.
type draft struct {
	events int
	data   *node
}

// Draft is the schema of one event type.
type Draft struct {
	Type   string
	Events int
	JSON   []byte // a whole file
}

// Add takes in an event. An error means that it was left out: the bridge could
// not use its data either, or there are too many types.
func (d *Drafts) Add(e *event.Event) error {
	data, err := mapper.Data(e)
	if err != nil {
		return err
	}
	if d.types == nil {
		d.types = map[string]*draft{}
	}
	t := d.types[e.Type()]
	if t == nil {
		if len(d.types) == maxTypes {
			return fmt.Errorf("type %q: there are more than %d types, choose some of them", e.Type(), maxTypes)
		}
		t = &draft{data: &node{}}
		d.types[e.Type()] = t
	}
	t.events++
	d.see(t.data, data, 0)
	return nil
}

// Drafts returns the schemas in the order of their types.
func (d *Drafts) Drafts() ([]Draft, error) {
	all := make([]Draft, 0, len(d.types))
	for _, name := range slices.Sorted(maps.Keys(d.types)) {
		t := d.types[name]
		raw, err := t.file(name)
		if err != nil {
			return nil, fmt.Errorf("write the schema of %s: %w", name, err)
		}
		all = append(all, Draft{Type: name, Events: t.events, JSON: raw})
	}
	return all, nil
}
