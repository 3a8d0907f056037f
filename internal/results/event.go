package results

import (
	"fmt"
	"net/url"
	"strings"

	"pushbridge/schemas"
)

// The types of the result events, before the configured prefix.
const (
	typeDisposed  = "bridge.event.disposed.v1"
	typeCompleted = "bridge.push.completed.v1"
	// What bridge replay tells of itself.
	typeProgressed = "bridge.replay.progressed.v1"
	typeDiffered   = "bridge.shadow.differed.v1"
	typeCompared   = "bridge.shadow.compared.v1"
	typeReloaded   = "bridge.rules.reloaded.v1"
)

// Format says what result events look like.
type Format struct {
	SDKAppID int64 // source is /bridge/{SDKAppID} where what is told names no app
	// Prefix goes before the types, a reverse DNS name such as com.example; empty:
	// none.
	Prefix string
	// Schemas is where dataschema points, before the schema's file name; empty:
	// schemas.Base.
	Schemas string
	Binary  bool // attributes in Kafka headers; otherwise all is in the value
}

// kind is what all events of one type have in common.
type kind struct {
	typ, schema string
}

func (f Format) check() error {
	if f.SDKAppID <= 0 {
		return fmt.Errorf("results: sdkappid %d: want a positive number", f.SDKAppID)
	}
	if strings.Trim(f.Prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") != "" {
		return fmt.Errorf("results: type prefix %q: want a reverse DNS name such as com.example", f.Prefix)
	}
	if u, err := url.Parse(f.base()); err != nil || !u.IsAbs() {
		return fmt.Errorf("results: schema place %q: want an absolute URL", f.base())
	}
	return nil
}

func (f Format) base() string {
	if f.Schemas == "" {
		return schemas.Base
	}
	return strings.TrimSuffix(f.Schemas, "/") + "/"
}

func (f Format) kind(typ string) kind {
	k := kind{typ: typ, schema: f.base() + typ + ".json"}
	if f.Prefix != "" {
		k.typ = strings.TrimSuffix(f.Prefix, ".") + "." + typ
	}
	return k
}
