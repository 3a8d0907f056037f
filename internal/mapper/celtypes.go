package mapper

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// numberType is a number of JSON that may be written 1 or 1.0: at run time it is
// an int or a double. It compares with all numbers, and computes after
// double(…), int(…) or string(…) only.
var numberType = cel.OpaqueType("number")

// celTypes tells CEL's checker what it asks about shapes. Expressions are
// evaluated without it: types find mistakes, they change no value.
type celTypes struct {
	types.Provider

	objects map[string]*shape
	names   map[*shape]string
	unknown []unknownMember // what was asked for and is not there
}

// unknownMember is a name that an object does not have.
type unknownMember struct {
	object *shape
	name   string
}

// newCELTypes returns the types of data of the shape.
func newCELTypes(root *shape) (*celTypes, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("set up the types of expressions: %w", err)
	}
	p := &celTypes{Provider: registry, objects: map[string]*shape{}, names: map[*shape]string{}}
	p.name(root)
	return p, nil
}

// name gives the objects in a shape their names. A space keeps them apart from
// every name that an expression can have.
func (p *celTypes) name(s *shape) {
	if s == nil || p.names[s] != "" {
		return
	}
	name := "object " + s.name
	for n := 2; p.objects[name] != nil; n++ {
		name = fmt.Sprintf("object %s (%d)", s.name, n)
	}
	p.names[s] = name
	if s.kind == objectShape {
		p.objects[name] = s
	}
	p.name(s.item)
	p.name(s.others)
	for _, key := range slices.Sorted(maps.Keys(s.members)) {
		p.name(s.members[key].shape)
	}
}

// of returns the CEL type of the shape. Null is no type of its own: what may be
// null has the type of its other values.
func (p *celTypes) of(s *shape) *cel.Type { return p.nested(s, 0) }

// maxNested bounds lists of lists, which a schema that refers to itself has
// without end.
const maxNested = 16

func (p *celTypes) nested(s *shape, depth int) *cel.Type {
	if depth == maxNested {
		return cel.DynType
	}
	switch s.kind {
	case boolShape:
		return cel.BoolType
	case textShape:
		return cel.StringType
	case wholeShape:
		return cel.IntType
	case numberShape:
		return numberType
	case nullShape:
		return cel.NullType
	case listShape:
		return cel.ListType(p.nested(s.item, depth+1))
	case mapShape:
		return cel.MapType(cel.StringType, p.nested(s.item, depth+1))
	case objectShape:
		return cel.ObjectType(p.names[s])
	case anyShape:
	}
	return cel.DynType
}

// FindStructType implements types.Provider.
func (p *celTypes) FindStructType(name string) (*types.Type, bool) {
	if s := p.objects[name]; s != nil {
		return types.NewTypeTypeWithParam(p.of(s)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *celTypes) FindStructFieldNames(name string) ([]string, bool) {
	if s := p.objects[name]; s != nil {
		return slices.Sorted(maps.Keys(s.members)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p *celTypes) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	s := p.objects[name]
	if s == nil {
		return p.Provider.FindStructFieldType(name, field)
	}
	m := s.member(field)
	if m == nil {
		p.unknown = append(p.unknown, unknownMember{s, field})
		return nil, false
	}
	return &types.FieldType{Type: p.of(m.shape)}, true
}

// member returns an object's member, nil where there can be none of the name.
func (s *shape) member(name string) *member {
	switch m := s.members[name]; {
	case m != nil:
		return m
	case s.others != nil:
		return &member{shape: s.others, optional: true}
	}
	return nil
}

// functions declares what values of the event's data can do beside what CEL's
// own types can: at run time an object is a map, and numbers of all types
// compare. Equality is not among them, see mixed.
func (p *celTypes) functions() []cel.EnvOption {
	var all []cel.EnvOption
	add := func(function string, result *cel.Type, args ...*cel.Type) {
		id := []string{"data", function}
		for _, a := range args {
			id = append(id, cel.FormatCELType(a))
		}
		all = append(all, cel.Function(function, cel.Overload(strings.Join(id, "_"), args, result)))
	}
	for _, order := range []string{operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals} {
		add(order, cel.BoolType, numberType, numberType)
		for _, other := range []*cel.Type{cel.IntType, cel.UintType, cel.DoubleType} {
			add(order, cel.BoolType, numberType, other)
			add(order, cel.BoolType, other, numberType)
		}
	}
	for _, one := range []*cel.Type{numberType, cel.IntType, cel.UintType, cel.DoubleType} {
		add(asNumber, numberType, one)
	}
	add(overloads.TypeConvertInt, cel.IntType, numberType)
	add(overloads.TypeConvertUint, cel.UintType, numberType)
	add(overloads.TypeConvertDouble, cel.DoubleType, numberType)
	add(overloads.TypeConvertString, cel.StringType, numberType)
	for _, name := range slices.Sorted(maps.Keys(p.objects)) {
		object := p.of(p.objects[name])
		add(operators.Index, cel.DynType, object, cel.StringType)
		add(operators.OptIndex, cel.OptionalType(cel.DynType), object, cel.StringType)
		add(operators.In, cel.BoolType, cel.StringType, object)
		add(overloads.Size, cel.IntType, object)
		all = append(all, cel.Function(overloads.Size, cel.MemberOverload("data_size_of_"+name, []*cel.Type{object}, cel.IntType)))
	}
	return all
}

// asNumber makes any number one whose type is not known. No author can write it.
const asNumber = "@number"

// mixed returns arguments of a call that CEL refuses for their types, though
// these are fine where the event is read: numbers are equal by value whatever
// their types, anything may be compared with null, and a choice may be of this
// or that. With each comes the function behind which the checker lets it pass.
func mixed(checked *ast.AST, e ast.Expr) map[ast.Expr]string {
	if e == nil || e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	kind := func(i int) *cel.Type { return checked.GetType(args[i].ID()) }
	switch e.AsCall().FunctionName() {
	case operators.Equals, operators.NotEquals:
		a, b := kind(0), kind(1)
		if numeric(a) && numeric(b) || a.Kind() == cel.NullTypeKind || b.Kind() == cel.NullTypeKind ||
			a.Kind() == cel.StructKind && b.Kind() == cel.MapKind || a.Kind() == cel.MapKind && b.Kind() == cel.StructKind {
			return map[ast.Expr]string{args[1]: overloads.TypeConvertDyn}
		}
	case operators.In:
		if list := kind(1); list.Kind() == cel.ListKind && numeric(kind(0)) && numeric(list.Parameters()[0]) {
			return map[ast.Expr]string{args[0]: overloads.TypeConvertDyn}
		}
	case operators.Conditional:
		switch {
		case kind(0).Kind() != cel.BoolKind:
		case scalarNumber(kind(1)) && scalarNumber(kind(2)):
			return map[ast.Expr]string{args[1]: asNumber, args[2]: asNumber}
		default:
			return map[ast.Expr]string{args[2]: overloads.TypeConvertDyn}
		}
	case "orValue":
		if !e.AsCall().IsMemberFunction() {
			return nil
		}
		of := checked.GetType(e.AsCall().Target().ID()).Parameters()
		if len(of) != 1 || len(args) != 1 || !numeric(of[0]) || !numeric(kind(0)) {
			return nil
		}
		if of[0].IsExactType(numberType) {
			return map[ast.Expr]string{args[0]: asNumber}
		}
		return map[ast.Expr]string{args[0]: overloads.TypeConvertDyn}
	}
	return nil
}

func scalarNumber(t *cel.Type) bool { return t.Kind() != cel.ListKind && numeric(t) }

// numeric says whether the type is one of numbers, or of lists of them.
func numeric(t *cel.Type) bool {
	switch t.Kind() {
	case cel.IntKind, cel.UintKind, cel.DoubleKind:
		return true
	case cel.ListKind:
		return numeric(t.Parameters()[0])
	default:
		return t.IsExactType(numberType)
	}
}
