package mapper

import (
	"encoding/json"
	"fmt"

	"pushbridge/internal/intent"
)

// offlineSpec is `offline`, compiled.
type offlineSpec struct {
	noPush           bool
	title, desc, ext *template // nil: not written
	android, apns    *vendor
}

// vendor is an object for a maker of phones. It is passed through, whatever is
// in it, since these objects grow; only its strings are templates.
type vendor struct {
	text  *template // a string
	raw   string    // any other scalar, as JSON
	names []string  // of an object's members, beside items
	items []*vendor
	list  bool
}

var offlineKeys = keys{known: []string{"title", "desc", "ext", "push", "android", "apns"}}

func (l *loader) offline(n *node, field string) *offlineSpec {
	if l.fields(n, field, offlineKeys) == nil {
		return nil
	}
	o := &offlineSpec{}
	for name, to := range map[string]**template{"title": &o.title, "desc": &o.desc, "ext": &o.ext} {
		if v := n.get(name); v != nil {
			*to = l.template(v, join(field, name))
		}
	}
	if v := n.get("push"); v != nil {
		push, ok := l.flag(v, join(field, "push"))
		o.noPush = ok && !push
	}
	for name, to := range map[string]**vendor{"android": &o.android, "apns": &o.apns} {
		v := n.get(name)
		switch {
		case v == nil:
		case v.kind != mapNode:
			l.refuse(v, join(field, name), fmt.Sprintf("want a map, got %s", v), "write the maker's object as the API has it; it is passed on")
		default:
			*to = l.vendor(v, join(field, name))
		}
	}
	return o
}

func (l *loader) vendor(n *node, field string) *vendor {
	switch n.kind {
	case textNode:
		return &vendor{text: l.template(n, field)}
	case boolNode, integerNode:
		return &vendor{raw: n.text}
	case floatNode:
		if !json.Valid([]byte(n.text)) {
			l.refuse(n, field, fmt.Sprintf("%s is no number of JSON", n.text), "write it like 1.5")
		}
		return &vendor{raw: n.text}
	case nullNode:
		return &vendor{raw: "null"}
	case listNode:
		out := &vendor{list: true}
		for i, item := range n.items {
			out.items = append(out.items, l.vendor(item, index(field, i)))
		}
		return out
	case mapNode:
	}
	out := &vendor{}
	for _, p := range n.pairs {
		out.names = append(out.names, p.key.text)
		out.items = append(out.items, l.vendor(p.value, join(field, p.key.text)))
	}
	return out
}

// content renders the offline info. On an error it names the field.
func (o *offlineSpec) content(s *scope) (*intent.Offline, string, error) {
	out := &intent.Offline{NoPush: o.noPush}
	for _, f := range [...]struct {
		name string
		from *template
		to   *string
	}{{"title", o.title, &out.Title}, {"desc", o.desc, &out.Desc}, {"ext", o.ext, &out.Ext}} {
		if f.from == nil {
			continue
		}
		var err error
		if *f.to, err = f.from.render(s); err != nil {
			return nil, "offline." + f.name, err
		}
	}
	for _, f := range [...]struct {
		name string
		from *vendor
		to   *json.RawMessage
	}{{"android", o.android, &out.Android}, {"apns", o.apns, &out.APNs}} {
		if f.from == nil {
			continue
		}
		raw, at, err := f.from.append(nil, s)
		if err != nil {
			return nil, join("offline."+f.name, at), err
		}
		*f.to = raw
	}
	return out, "", nil
}

// literal says whether nothing hangs on the event.
func (o *offlineSpec) literal() bool {
	for _, t := range [...]*template{o.title, o.desc, o.ext} {
		if t != nil {
			if _, ok := t.literal(); !ok {
				return false
			}
		}
	}
	return o.android.literal() && o.apns.literal()
}

func (v *vendor) literal() bool {
	if v == nil {
		return true
	}
	if v.text != nil {
		_, ok := v.text.literal()
		return ok
	}
	for _, item := range v.items {
		if !item.literal() {
			return false
		}
	}
	return true
}

// append appends the value's JSON; on an error it names the member.
func (v *vendor) append(dst []byte, s *scope) ([]byte, string, error) {
	switch {
	case v.text != nil:
		text, err := v.text.render(s)
		if err != nil {
			return dst, "", err
		}
		raw, err := json.Marshal(text)
		return append(dst, raw...), "", err
	case v.raw != "":
		return append(dst, v.raw...), "", nil
	}
	open, end := byte('{'), byte('}')
	if v.list {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	for i, item := range v.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := index("", i)
		if !v.list {
			name, err := json.Marshal(v.names[i])
			if err != nil {
				return dst, v.names[i], err
			}
			dst, at = append(append(dst, name...), ':'), v.names[i]
		}
		var inner string
		var err error
		if dst, inner, err = item.append(dst, s); err != nil {
			return dst, join(at, inner), err
		}
	}
	return append(dst, end), "", nil
}
