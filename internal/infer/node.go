package infer

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// node is all values seen at one place of the data.
type node struct {
	values   int
	nulls    int
	bools    int
	wholes   int
	decimals int
	texts    int
	lists    int
	objects  int

	words   map[string]int // of texts, with how often; nil while there are none
	many    bool           // more words than are counted, or a long one
	formats formats        // of all texts

	items   *node            // of the lists
	members map[string]*node // of the objects
	any     *node            // of the objects' values, once their names are data
	deep    bool             // more is there than is looked at
}

// formats are those that all texts of a node have.
type formats uint8

const (
	dateTime formats = 1 << iota
	date
	uuid
)

// Bounds of one place.
const (
	maxDepth   = 32
	maxWords   = 64 // counted; an enum has fewer
	maxWord    = 48 // bytes of a word
	maxMembers = 200
)

var (
	dateTimeForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	uuidForm     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

func formatsOf(text string) formats {
	switch {
	case dateTimeForm.MatchString(text):
		if _, err := time.Parse(time.RFC3339, text); err == nil {
			return dateTime
		}
	case len(text) == len(time.DateOnly):
		if _, err := time.Parse(time.DateOnly, text); err == nil {
			return date
		}
	case uuidForm.MatchString(text):
		return uuid
	}
	return 0
}

// see adds a value to a node.
func (d *Drafts) see(n *node, value any, depth int) {
	n.values++
	switch v := value.(type) {
	case nil:
		n.nulls++
	case bool:
		n.bools++
	case json.Number:
		// As rules see it: 1.0 is no whole number.
		if strings.ContainsAny(v.String(), ".eE") {
			n.decimals++
		} else {
			n.wholes++
		}
	case string:
		n.seeText(v)
	case []any:
		n.lists++
		for _, item := range v {
			if n.items = d.grow(n, n.items, depth); n.items != nil {
				d.see(n.items, item, depth+1)
			}
		}
	case map[string]any:
		n.objects++
		d.seeObject(n, v, depth)
	}
}

func (n *node) seeText(text string) {
	if of := formatsOf(text); n.texts == 0 {
		n.formats = of
	} else {
		n.formats &= of
	}
	n.texts++
	switch {
	case n.many:
	case len(text) > maxWord || n.words[text] == 0 && len(n.words) == maxWords:
		n.many, n.words = true, nil
	case n.words == nil:
		n.words = map[string]int{text: 1}
	default:
		n.words[text]++
	}
}

// seeObject goes through the names in their order, so that what no longer fits
// is the same in every run.
func (d *Drafts) seeObject(n *node, object map[string]any, depth int) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if n.any == nil && n.members[name] == nil && len(n.members) == maxMembers {
			n.collapse()
		}
		if n.any != nil {
			d.see(n.any, object[name], depth+1)
			continue
		}
		member := d.grow(n, n.members[name], depth)
		if member == nil {
			continue
		}
		if n.members == nil {
			n.members = map[string]*node{}
		}
		n.members[name] = member
		d.see(member, object[name], depth+1)
	}
}

// grow returns the node, made if it is not there; nil where there is no room.
func (d *Drafts) grow(parent, n *node, depth int) *node {
	if n != nil {
		return n
	}
	if depth == maxDepth || d.nodes == maxNodes {
		parent.deep = true
		return nil
	}
	d.nodes++
	return &node{}
}

// collapse takes the names of the objects' members for data.
func (n *node) collapse() {
	n.any = &node{}
	for _, member := range n.members {
		n.any.merge(member)
	}
	n.members = nil
}

// merge adds all that the other has seen.
func (n *node) merge(other *node) {
	switch {
	case other.texts == 0:
	case n.texts == 0:
		n.formats = other.formats
	default:
		n.formats &= other.formats
	}
	n.values += other.values
	n.nulls += other.nulls
	n.bools += other.bools
	n.wholes += other.wholes
	n.decimals += other.decimals
	n.texts += other.texts
	n.lists += other.lists
	n.objects += other.objects
	n.deep = n.deep || other.deep
	n.mergeWords(other)
	if other.items != nil {
		if n.items == nil {
			n.items = &node{}
		}
		n.items.merge(other.items)
	}
	n.mergeMembers(other)
}

func (n *node) mergeWords(other *node) {
	if n.many = n.many || other.many; n.many {
		n.words = nil
		return
	}
	for word, count := range other.words {
		if n.words == nil {
			n.words = map[string]int{}
		}
		n.words[word] += count
	}
	if len(n.words) > maxWords {
		n.many, n.words = true, nil
	}
}

func (n *node) mergeMembers(other *node) {
	if other.any != nil {
		if n.any == nil {
			n.collapse()
		}
		n.any.merge(other.any)
	}
	for name, member := range other.members {
		if n.any != nil {
			n.any.merge(member)
			continue
		}
		if n.members == nil {
			n.members = map[string]*node{}
		}
		if n.members[name] == nil {
			n.members[name] = &node{}
		}
		n.members[name].merge(member)
	}
	if len(n.members) > maxMembers {
		n.collapse()
	}
}
