// Package schemas holds the JSON Schemas of everything that the bridge reads
// from people and writes for programs. It is data: it validates nothing itself.
package schemas

import "embed"

// Base is what the schemas' $id begin with. A deployment that serves the files
// itself may announce another place in its result events.
const Base = "https://pushbridge.example/schemas/"

// FS holds the schemas, one file each, under the file's name.
//
//go:embed *.json
var FS embed.FS
