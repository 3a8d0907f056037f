package consume

import (
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// Parser reads many structured events in JSON, one after another, as ParseEvent
// reads one. It uses the memory of an event again for the next, and the texts
// that streams repeat, which are most of what decoding would allocate.
//
// The zero value is ready. It has one owner.
type Parser struct{ kept kept }

// Parse is ParseEvent, but the event is valid only until the next Parse.
func (p *Parser) Parse(value []byte) (*event.Event, error) {
	if e := p.kept.event(value); e != nil {
		return e, nil
	}
	return ParseEvent(value)
}

// kept is what lasts from one event to the next.
type kept struct {
	quick      quick
	out        event.Event
	extensions map[string]any

	source types.URIRef // of words[seenSource]
	// words are the latest texts of attributes, and names the latest names of
	// extensions, by their length: events of one stream are much alike.
	words map[attributeSet]string
	names [32]string
}

// event is quickEvent in the memory of the event before.
func (k *kept) event(value []byte) *event.Event {
	if k.words == nil {
		k.words, k.extensions = make(map[attributeSet]string), make(map[string]any)
	}
	clear(k.extensions)
	k.quick = quick{text: value, kept: k}
	if !k.quick.whole() {
		return nil
	}
	k.out = event.Event{Context: &k.quick.context, DataEncoded: k.quick.data}
	return &k.out
}

// word returns the text as a string, without a copy where it is the attribute's
// latest.
func (k *kept) word(a attributeSet, raw []byte) string {
	if k == nil {
		return string(raw)
	}
	if last := k.words[a]; last == string(raw) {
		return last
	}
	text := string(raw)
	k.words[a] = text
	return text
}

// name is word for the names of extensions.
func (k *kept) name(raw []byte) string {
	if k == nil || len(raw) >= len(k.names) {
		return string(raw)
	}
	last := &k.names[len(raw)]
	if *last != string(raw) {
		*last = string(raw)
	}
	return *last
}
