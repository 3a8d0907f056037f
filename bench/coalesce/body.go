package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"pushbridge/internal/intent"
)

// sameBody says whether the elements of a call are those of the messages, each
// message once and in one piece, in whatever order.
func sameBody(body []json.RawMessage, messages map[intent.Message]reach) error {
	rest, err := decoded(body)
	if err != nil {
		return err
	}
	open := map[intent.Message][]any{}
	for m := range messages {
		var raw []json.RawMessage
		if err := json.Unmarshal(m.Body(), &raw); err != nil {
			return fmt.Errorf("message %q: %w", m.Text(), err)
		}
		if open[m], err = decoded(raw); err != nil {
			return err
		}
	}
	for len(rest) > 0 {
		found := false
		for m, elements := range open {
			if n := len(elements); n <= len(rest) && reflect.DeepEqual(elements, rest[:n]) {
				rest, found = rest[n:], true
				delete(open, m)
				break
			}
		}
		if !found {
			return errors.New("its body says what nothing it covers asked for")
		}
	}
	for m := range open {
		return fmt.Errorf("its body lacks %q", m.Text())
	}
	return nil
}

func decoded(raw []json.RawMessage) ([]any, error) {
	all := make([]any, len(raw))
	for i, r := range raw {
		if err := json.Unmarshal(r, &all[i]); err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return all, nil
}
