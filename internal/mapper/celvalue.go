package mapper

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// value returns a document's value for CEL. Scalars are converted; objects and
// lists stay views of the document, so that `data.discount >= 0.2` converts one
// number and not the data around it. Views die with the Map call that made
// them: only text leaves it.
func (d *document) value(i int) ref.Val {
	t := d.tokens[i]
	switch t.kind {
	case objectToken:
		return lazyMap{object{d, i}}
	case arrayToken:
		return lazyList{d, i}
	case stringToken:
		return types.String(d.text(i))
	case numberToken:
		return number(d.text(i))
	case trueToken:
		return types.True
	case falseToken:
		return types.False
	case nullToken:
		return types.NullValue
	}
	return types.NewErr("value of unknown kind %d", t.kind)
}

// number is an integer where it is written as one and fits 64 bits: CEL
// compares all three types with one another.
func number(text string) ref.Val {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return types.Int(n)
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return types.Uint(n)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return types.NewErr("number %s: out of range", shorten(text))
	}
	return types.Double(f)
}

// fields is what a lazyMap looks into.
type fields interface {
	lookup(name string) (ref.Val, bool)
	// whole returns all of it as an ordinary CEL map, for what needs more than
	// a look-up: size, equality, conversion.
	whole() traits.Mapper
	// names returns the keys, each once.
	names() []string
}

// lazyMap is a CEL map that finds fields without decoding the others.
type lazyMap struct{ fields }

// Find implements traits.Mapper.
func (m lazyMap) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	return m.lookup(string(name))
}

// Get implements traits.Indexer.
func (m lazyMap) Get(key ref.Val) ref.Val {
	if v, ok := m.Find(key); ok {
		return v
	}
	return types.NewErr("no such key: %v", key.Value())
}

// Contains implements traits.Container.
func (m lazyMap) Contains(key ref.Val) ref.Val {
	_, ok := m.Find(key)
	return types.Bool(ok)
}

// Iterator implements traits.Iterable, in the order of the names: that of a Go
// map would make other messages of equal events.
func (m lazyMap) Iterator() traits.Iterator {
	names := m.names()
	slices.Sort(names)
	return types.NewStringList(types.DefaultTypeAdapter, names).Iterator()
}

// Size implements traits.Sizer.
func (m lazyMap) Size() ref.Val { return m.whole().Size() }

// ConvertToNative implements ref.Val.
func (m lazyMap) ConvertToNative(t reflect.Type) (any, error) { return m.whole().ConvertToNative(t) }

// ConvertToType implements ref.Val.
func (m lazyMap) ConvertToType(t ref.Type) ref.Val { return m.whole().ConvertToType(t) }

// Equal implements ref.Val.
func (m lazyMap) Equal(other ref.Val) ref.Val { return m.whole().Equal(other) }

// Type implements ref.Val.
func (lazyMap) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (m lazyMap) Value() any { return m.whole().Value() }

// object is a JSON object of a document.
type object struct {
	d *document
	i int
}

func (o object) lookup(name string) (ref.Val, bool) {
	i := o.d.member(o.i, name)
	if i < 0 {
		return nil, false
	}
	return o.d.value(i), true
}

func (o object) whole() traits.Mapper {
	all := map[ref.Val]ref.Val{}
	for key := range o.keys() {
		all[types.String(o.d.text(key))] = o.d.value(key + 1)
	}
	return types.NewRefValMap(types.DefaultTypeAdapter, all)
}

func (o object) names() []string {
	var all []string
	seen := map[string]bool{}
	for key := range o.keys() {
		if name := o.d.text(key); !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}

// keys yields the tokens of the members' names, repeated ones too.
func (o object) keys() iter.Seq[int] {
	return func(yield func(int) bool) {
		for key := o.i + 1; key < int(o.d.tokens[o.i].next) && yield(key); {
			key = int(o.d.tokens[key+1].next)
		}
	}
}

// lazyList is a CEL list over a JSON array of a document.
type lazyList struct {
	d *document
	i int
}

// Get implements traits.Indexer.
func (l lazyList) Get(index ref.Val) ref.Val {
	n, ok := index.(types.Int)
	if !ok {
		return types.NewErr("index %v: want a whole number", index.Value())
	}
	i := -1
	if n >= 0 {
		i = l.d.item(l.i, int(n))
	}
	if i < 0 {
		return types.NewErr("index out of bounds: %d", n)
	}
	return l.d.value(i)
}

// Size implements traits.Sizer.
func (l lazyList) Size() ref.Val { return types.Int(l.d.length(l.i)) }

// Contains implements traits.Container.
func (l lazyList) Contains(v ref.Val) ref.Val {
	for i := l.i + 1; i < int(l.d.tokens[l.i].next); i = int(l.d.tokens[i].next) {
		if types.Equal(v, l.d.value(i)) == types.True {
			return types.True
		}
	}
	return types.False
}

// Add implements traits.Adder.
func (l lazyList) Add(other ref.Val) ref.Val { return l.whole().Add(other) }

// Iterator implements traits.Iterable.
func (l lazyList) Iterator() traits.Iterator { return l.whole().Iterator() }

// ConvertToNative implements ref.Val.
func (l lazyList) ConvertToNative(t reflect.Type) (any, error) { return l.whole().ConvertToNative(t) }

// ConvertToType implements ref.Val.
func (l lazyList) ConvertToType(t ref.Type) ref.Val { return l.whole().ConvertToType(t) }

// Equal implements ref.Val.
func (l lazyList) Equal(other ref.Val) ref.Val { return l.whole().Equal(other) }

// Type implements ref.Val.
func (lazyList) Type() ref.Type { return types.ListType }

// Value implements ref.Val.
func (l lazyList) Value() any { return l.whole().Value() }

func (l lazyList) whole() traits.Lister {
	var all []ref.Val
	for i := l.i + 1; i < int(l.d.tokens[l.i].next); i = int(l.d.tokens[i].next) {
		all = append(all, l.d.value(i))
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}

// kindOf names a CEL value's type as authors of rules know it.
func kindOf(v ref.Val) string {
	switch v.Type() {
	case types.NullType:
		return "null"
	case types.MapType:
		return "an object"
	case types.ListType:
		return "a list"
	case types.BoolType:
		return "a boolean"
	case types.StringType:
		return "a string"
	case types.IntType, types.UintType, types.DoubleType:
		return "a number"
	}
	return fmt.Sprintf("of type %s", v.Type().TypeName())
}
