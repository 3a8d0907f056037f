package mapper

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pushbridge/schemas"
)

// TestSchemaAgrees holds the schema to Parse on all files of the corpus. What
// no schema can see is marked in the file, with the reason.
func TestSchemaAgrees(t *testing.T) {
	t.Attr("guards", "editors and the bridge agree on what a rule file is")
	t.Parallel()
	schema := compileSchema(t)
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("corpus: %d files, %v", len(files), err)
	}
	for _, file := range files {
		for i, text := range split(t, file) {
			_, parseErr := Parse(file, text, Limits{})
			schemaErr := validate(schema, text)
			beyond := bytes.HasPrefix(text, []byte("# beyond the schema: "))
			switch {
			case parseErr == nil && schemaErr != nil:
				t.Errorf("%s, variant %d: Parse accepts what the schema refuses: %v", file, i, schemaErr)
			case parseErr != nil && schemaErr == nil && !beyond:
				t.Errorf("%s, variant %d: the schema accepts what Parse refuses: %v", file, i, parseErr)
			case beyond && schemaErr != nil:
				t.Errorf("%s is marked as beyond the schema, which refuses it: %v", file, schemaErr)
			}
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.Rules()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.v1.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("rules.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// split returns the file and, where it has several problems, the file with
// each rule alone, so that one problem does not hide behind another.
func split(t *testing.T, file string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := [][]byte{data}
	parts := bytes.Split(data, []byte("\n  - "))
	if filepath.Base(filepath.Dir(file)) != "errors" || bytes.HasPrefix(data, []byte("# beyond")) || len(parts) < 3 {
		return all
	}
	for _, part := range parts[1:] {
		all = append(all, bytes.Join([][]byte{[]byte("version: 1\nrules:"), part, nil}, []byte("\n  - "))[:len("version: 1\nrules:\n  - ")+len(part)])
	}
	return all
}

func validate(s *jsonschema.Schema, text []byte) error {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(raw)); err != nil {
		return err
	}
	return s.Validate(v)
}

// TestSchemaDescribesEveryKey: an editor shows what a key means while its author
// writes it.
func TestSchemaDescribesEveryKey(t *testing.T) {
	t.Attr("guards", "editors explain every key of a rule file")
	t.Parallel()
	var doc map[string]any
	if err := json.Unmarshal(schemas.Rules(), &doc); err != nil {
		t.Fatal(err)
	}
	defs := doc["$defs"].(map[string]any)
	described := func(s map[string]any) bool {
		for s != nil {
			if _, ok := s["description"]; ok {
				return true
			}
			ref, _ := s["$ref"].(string)
			s, _ = defs[filepath.Base(ref)].(map[string]any)
		}
		return false
	}
	keys := 0
	var walk func(at string, v any, says bool)
	walk = func(at string, v any, says bool) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(at, item, says)
			}
		case map[string]any:
			names, _ := v["properties"].(map[string]any)
			for name, key := range names {
				// What only narrows a key down is not where it is explained.
				if key, ok := key.(map[string]any); ok && says && saysWhat(key) {
					if keys++; !described(key) {
						t.Errorf("%s.%s has no description", at, name)
					}
				}
			}
			for word, inner := range v {
				narrows := word == "if" || word == "then" || word == "else" || word == "oneOf"
				walk(at+"/"+word, inner, says && !narrows)
			}
		}
	}
	walk("", doc, true)
	if keys < 100 {
		t.Errorf("%d keys were looked at, want all", keys)
	}
}

// saysWhat tells a key's own schema from one that narrows it down.
func saysWhat(key map[string]any) bool {
	for _, word := range []string{"type", "$ref", "enum", "const", "anyOf"} {
		if _, ok := key[word]; ok {
			return true
		}
	}
	return false
}
