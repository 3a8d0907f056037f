// Package schemas holds the JSON Schemas of everything that the bridge reads
// from people and writes for programs. It is data: it validates nothing itself.
package schemas

import "embed"

// Base is what the schemas' $id begin with. A deployment that serves the files
// itself may announce another place in its result events.
const Base = "https://pushbridge.example/schemas/"

// FS holds the schemas, one file each, under the file's name, those of the data
// of events as events/<type>.json.
//
//go:embed *.json events/*.json
var FS embed.FS

// Rules returns the schema of the rule file (JSON Schema 2020-12). Editors find
// it by a comment in the file's first line; the bridge itself goes by what
// mapper.Parse accepts, and a test holds the two together.
func Rules() []byte {
	raw, err := FS.ReadFile("rules.v1.json")
	if err != nil {
		panic("schemas: " + err.Error()) // embedded, so only a broken build gets here
	}
	return raw
}
