package mapper

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	slashed "path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pushbridge/schemas"
)

// catalog holds the schemas of the data of event types, by `schemas`.
type catalog struct {
	types   map[string]*eventSchema
	shapes  shaper
	typings map[string]*typing // by the event types, joined
	sum     []byte             // of the schemas' bytes, nil: there are none
	dirs    []string           // beside the embedded ones
	partial bool               // a directory could not be read: nobody knows what is in it
}

// eventSchema is the schema of one event type.
type eventSchema struct {
	file   string // for messages
	schema *jsonschema.Schema
}

// builtinSchemas is the word for the schemas that come with the bridge.
const builtinSchemas = "builtin"

// Bounds of a directory of schemas: it is a configuration, and read whole.
const (
	maxSchemaFiles = 2000
	maxSchemaBytes = 1 << 20
)

// schemaBase is where schemas are for the compiler, which needs an absolute
// address: the directory's number and the file's name follow. In messages the
// directory is as its author wrote it.
const schemaBase = "bridge:///"

func newCatalog() *catalog {
	return &catalog{types: map[string]*eventSchema{}, shapes: shaper{made: map[*jsonschema.Schema]*shape{}}, typings: map[string]*typing{}}
}

// schemasOf reads `schemas`: a directory or a list of them.
func (l *loader) schemasOf(n *node) {
	const field = "schemas"
	items := []*node{n}
	if n.kind == listNode {
		if items = n.items; len(items) == 0 {
			l.refuse(n, field, "the list is empty", "name a directory, or "+builtinSchemas)
		}
	}
	c := schemaCompiler{docs: map[string]any{}, hash: sha256.New()}
	places := map[string]*node{} // of the user's types
	for i, item := range items {
		at := field
		if n.kind == listNode {
			at = index(field, i)
		}
		dir, ok := l.text(item, at)
		switch {
		case !ok:
		case dir == "":
			l.refuse(item, at, "it is empty", "name a directory, or "+builtinSchemas)
		case dir == builtinSchemas:
			// Those of a directory go before them, wherever they stand.
			for _, t := range c.read(schemas.FS, "events", builtinSchemas) {
				if places[t.name] == nil {
					l.addSchema(item, at, &c, t)
				}
			}
		default:
			where := dir
			if !filepath.IsAbs(dir) {
				where = filepath.Join(filepath.Dir(l.file), dir)
			}
			if slices.Contains(l.catalog.dirs, where) {
				l.refuse(item, at, "the directory is there twice", "keep one")
				continue
			}
			l.catalog.dirs = append(l.catalog.dirs, where)
			for _, t := range c.read(os.DirFS(where), ".", filepath.ToSlash(filepath.Clean(dir))) {
				if errors.Is(t.err, fs.ErrNotExist) && t.name == "" {
					t.do = nearDirectory(where, dir)
				}
				if t.name != "" && places[t.name] != nil {
					l.refuse(item, at, fmt.Sprintf("%s: there is a schema of %s in %s already", t.file, t.name, l.catalog.types[t.name].file), "keep one")
					continue
				}
				places[t.name] = item
				l.addSchema(item, at, &c, t)
			}
		}
	}
	l.catalog.sum = c.hash.Sum(nil)
}

func (l *loader) addSchema(n *node, field string, c *schemaCompiler, t typeFile) {
	// A schema that does not compile is known all the same, as one that says
	// nothing: its types are not to be blamed for missing.
	s := &eventSchema{file: t.file}
	if t.name != "" {
		l.catalog.types[t.name] = s
	} else {
		l.catalog.partial = true
	}
	err := t.err
	if err == nil {
		s.schema, err = c.compile(t)
	}
	if far, ok := errors.AsType[*farError](err); ok {
		t.do = c.nearFile(far.address)
	}
	if err != nil {
		l.refuse(n, field, err.Error(), cmp.Or(t.do, "mend the file, or take its path out of schemas"))
	}
}

// nearDirectory says what a directory that is not there was probably meant to be.
func nearDirectory(where, dir string) string {
	name, known := filepath.Base(where), []string{}
	if dir == name {
		known = append(known, builtinSchemas)
	}
	beside, _ := os.ReadDir(filepath.Dir(where)) // none: nothing is near
	for _, e := range beside {
		if info, err := os.Stat(filepath.Join(filepath.Dir(where), e.Name())); err == nil && info.IsDir() {
			known = append(known, e.Name())
		}
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %s?", strings.TrimSuffix(strings.TrimRight(dir, `/\`), name)+near)
	}
	return "make it, or take its path out of schemas"
}

// typeFile is a file of a directory of schemas.
type typeFile struct {
	name    string // the event type; empty where the directory itself cannot be read
	file    string // for messages
	address string
	err     error
	do      string // about err; empty: mend the file
}

// schemaCompiler compiles files that may refer to one another and to nothing
// else: no rule file makes the bridge open a connection.
type schemaCompiler struct {
	dirs []string       // for messages
	docs map[string]any // by address
	hash interface {
		Write(p []byte) (int, error)
		Sum(b []byte) []byte
	}
}

// read reads the schemas of a directory, in the order of their names.
func (c *schemaCompiler) read(dir fs.FS, root, name string) []typeFile {
	base := fmt.Sprintf("%s%d/", schemaBase, len(c.dirs))
	c.dirs = append(c.dirs, name)
	entries, err := fs.ReadDir(dir, root)
	if err != nil {
		return []typeFile{{err: fmt.Errorf("read directory %s: %w", name, cause(err))}}
	}
	var all []typeFile
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || stem == "" || strings.HasPrefix(stem, ".") {
			continue
		}
		if len(all) == maxSchemaFiles {
			return append(all, typeFile{err: fmt.Errorf("directory %s has more than %d schemas", name, maxSchemaFiles)})
		}
		t := typeFile{name: stem, file: slashed.Join(name, e.Name()), address: base + url.PathEscape(e.Name())}
		if plain, err := url.PathUnescape(stem); err == nil {
			t.name = plain
		}
		raw, err := readBounded(dir, slashed.Join(root, e.Name()))
		var doc any
		if err == nil {
			doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		}
		if err != nil {
			t.err = fmt.Errorf("read schema %s: %w", t.file, cause(err))
		} else {
			c.docs[t.address] = doc
			fmt.Fprintf(c.hash, "%s %d\n", t.name, len(raw))
			_, _ = c.hash.Write(raw)
		}
		all = append(all, t)
	}
	return all
}

func readBounded(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	case info.Size() > maxSchemaBytes:
		return nil, fmt.Errorf("%d bytes, allowed %d", info.Size(), maxSchemaBytes)
	}
	return fs.ReadFile(dir, name)
}

// cause leaves out the path, which the message has as its reader wrote it.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// farError says that a schema refers to a file that is in none of the directories.
type farError struct {
	text, address string
}

func (e *farError) Error() string { return e.text }

func (c *schemaCompiler) compile(t typeFile) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.UseLoader(c)
	schema, err := compiler.Compile(t.address)
	if err != nil {
		text := fmt.Sprintf("schema %s: %s", t.file, c.fault(err))
		if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
			return nil, &farError{text, e.URL}
		}
		return nil, errors.New(text)
	}
	return schema, nil
}

// nearFile says what a reference to a file that is not there was probably meant to be;
// "": nothing is near.
func (c *schemaCompiler) nearFile(address string) string {
	dir, name := slashed.Split(address)
	var known []string
	for other := range c.docs {
		if d, base := slashed.Split(other); d == dir {
			known = append(known, base)
		}
	}
	slices.Sort(known)
	return meant(name, known, "")
}

// Load implements jsonschema.URLLoader.
func (c *schemaCompiler) Load(address string) (any, error) {
	if doc, ok := c.docs[address]; ok {
		return doc, nil
	}
	for _, doc := range c.docs {
		if object, ok := doc.(map[string]any); ok && object["$id"] == address {
			return doc, nil
		}
	}
	return nil, errors.New("it is in none of the directories, and schemas are read from nowhere else")
}

// fault puts the compiler's error into one line.
func (c *schemaCompiler) fault(err error) string {
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if bad, ok := errors.AsType[*jsonschema.ValidationError](e.Err); ok {
			where, why := firstLeaf(bad)
			return fmt.Sprintf("at %s: %s", where, why)
		}
	}
	text := err.Error()
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		text = fmt.Sprintf("refers to %s: %v", e.URL, e.Err)
	}
	for i, dir := range c.dirs {
		text = strings.ReplaceAll(text, fmt.Sprintf("%s%d", schemaBase, i), dir)
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// typingOf returns how the expressions of a rule for these event types are
// checked, nil where one of them has no schema, or they are not known.
func (c *catalog) typingOf(eventTypes []string) (*typing, error) {
	if len(eventTypes) == 0 || len(c.types) == 0 {
		return nil, nil
	}
	eventTypes = slices.Compact(slices.Sorted(slices.Values(eventTypes)))
	key := strings.Join(eventTypes, "\n")
	if t, ok := c.typings[key]; ok {
		return t, nil
	}
	c.typings[key] = nil
	var root *shape
	u := unions{made: map[[2]*shape]*shape{}}
	for _, name := range eventTypes {
		s := c.types[name]
		if s == nil || s.schema == nil {
			return nil, nil
		}
		one := c.shapes.of(s.schema, "data")
		if root == nil {
			root = one
		} else {
			root = u.of(root, one)
		}
	}
	t, err := newTyping(listed(eventTypes), root)
	c.typings[key] = t
	return t, err
}

// listed writes names as a sentence has them.
func listed(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}

// schemaFile returns the name of the file with the schema of an event type.
func schemaFile(eventType string) string { return url.PathEscape(eventType) + ".json" }
