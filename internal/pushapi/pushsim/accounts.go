package pushsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// missing is the ErrorList of a request: the accounts it names that nobody has
// imported. The rest of the request is done.
type missing []string

// in adds the list to an answer, where there is one.
func (m missing) in(members map[string]any) answer {
	if members == nil {
		members = make(map[string]any)
	}
	var list []map[string]any
	for _, id := range m {
		list = append(list, map[string]any{"To_Account": id, "ErrorCode": codeAccountUnknown, "ErrorInfo": "the account is not imported"})
	}
	if list != nil {
		members["ErrorList"] = list
	}
	return answer{members: members}
}

// importAccount is account_import of the account service: {"UserID":"a"}.
func (s *Server) importAccount(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	id, ok := f.text("UserID")
	if !ok || !validUserID(id) {
		return refused(codeBadParameter, "UserID is missing or no user id")
	}
	q.app.join(id)
	return answer{}
}

// setAttrName is {"AttrNames":{"0":"sex","1":"city"}}.
func (s *Server) setAttrName(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	raw, _ := f.get("AttrNames")
	given, ok := parseObject(raw)
	if !ok {
		return refused(codeBadJSON, "AttrNames is no object")
	}
	names := q.app.attrNames
	for _, number := range slices.Sorted(maps.Keys(given)) {
		i, err := strconv.ParseUint(number, 10, 8)
		name, ok := parseText(given[number])
		if err != nil || i >= limitAttrNames || !ok || name == "" || len(name) > limitAttrBytes {
			return refused(codeBadAttribute, fmt.Sprintf("attrName at index:%s is not a name of 1 to %d bytes at 0 to 9", number, limitAttrBytes))
		}
		if at := slices.Index(names[:], name); at >= 0 && at != int(i) {
			return refused(codeBadAttribute, fmt.Sprintf("attrName:%s already exists at index:%d", name, at))
		}
		names[i] = name
	}
	q.app.attrNames = names
	return answer{}
}

// getAttrName answers the names by number.
func (s *Server) getAttrName(q *request) answer {
	if _, r := parseBody(q.body); r.given() {
		return answer{refusal: r}
	}
	names := make(map[string]string)
	for i, name := range q.app.attrNames {
		if name != "" {
			names[strconv.Itoa(i)] = name
		}
	}
	return answer{members: map[string]any{"AttrNames": names}}
}

// accountItem is one entry of UserAttrs or UserTags.
type accountItem struct {
	id   string
	data json.RawMessage // Attrs or Tags
}

// parseItems reads {list:[{"To_Account":"a",member:…}]}.
func parseItems(f fields, list, member string) ([]accountItem, refusal) {
	raw, _ := f.get(list)
	entries, ok := parseArray(raw)
	if !ok || len(entries) == 0 {
		return nil, refuse(codeBadJSON, list+" is no array of accounts")
	}
	if len(entries) > limitAccounts {
		return nil, refuse(codeTooManyAccounts, fmt.Sprintf("%d accounts, at most %d", len(entries), limitAccounts))
	}
	items := make([]accountItem, len(entries))
	for i, entry := range entries {
		item, ok := parseObject(entry)
		if !ok {
			return nil, refuse(codeBadJSON, fmt.Sprintf("%s[%d] is no object", list, i))
		}
		items[i].data, _ = item.get(member)
		if items[i].id, ok = item.text("To_Account"); !ok || items[i].id == "" {
			return nil, refuse(codeBadJSON, fmt.Sprintf("%s[%d]: To_Account is missing", list, i))
		}
	}
	return items, refusal{}
}

// parseAccounts reads {"To_Account":["a","b"]} and returns the numbers of those
// that are there.
func (q *request) parseAccounts() ([]int, missing, refusal) {
	f, r := parseBody(q.body)
	if r.given() {
		return nil, nil, r
	}
	raw, _ := f.get("To_Account")
	ids, ok := parseTexts(raw)
	if !ok || len(ids) == 0 {
		return nil, nil, refuse(codeBadJSON, "To_Account is no array of strings")
	}
	if len(ids) > limitAccounts {
		return nil, nil, refuse(codeTooManyAccounts, fmt.Sprintf("%d accounts, at most %d", len(ids), limitAccounts))
	}
	var users []int
	var unknown missing
	for _, id := range ids {
		if n, ok := q.app.numbers[id]; ok {
			users = append(users, n)
		} else {
			unknown = append(unknown, id)
		}
	}
	return users, unknown, refusal{}
}

// setAttr is {"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"male"}}]}.
func (s *Server) setAttr(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	items, r := parseItems(f, "UserAttrs", "Attrs")
	if r.given() {
		return answer{refusal: r}
	}
	values := make([]map[string]string, len(items))
	for i, item := range items {
		attrs, ok := parseObject(item.data)
		if !ok {
			return refused(codeBadJSON, fmt.Sprintf("UserAttrs[%d]: Attrs is no object", i))
		}
		values[i] = make(map[string]string)
		for name, raw := range attrs {
			value, ok := parseText(raw)
			if !ok || value == "" || len(value) > limitAttrBytes || !slices.Contains(q.app.attrNames[:], name) {
				return refused(codeBadAttribute, fmt.Sprintf("attribute %q is not set up, or its value is no string of 1 to %d bytes", name, limitAttrBytes))
			}
			values[i][name] = value
		}
	}
	return q.each(items, func(user, i int) {
		for name, value := range values[i] {
			q.app.setAttr(user, name, value)
		}
	})
}

// each calls do for the items whose account is there, and lists the others.
func (q *request) each(items []accountItem, do func(user, item int)) answer {
	var unknown missing
	for i, item := range items {
		if user, ok := q.app.numbers[item.id]; ok {
			do(user, i)
		} else {
			unknown = append(unknown, item.id)
		}
	}
	return unknown.in(nil)
}

// getAttr is {"To_Account":["a"]}.
func (s *Server) getAttr(q *request) answer {
	users, unknown, r := q.parseAccounts()
	if r.given() {
		return answer{refusal: r}
	}
	list := []map[string]any{}
	for _, n := range users {
		list = append(list, map[string]any{"To_Account": q.app.ids[n], "Attrs": maps.Clone(q.app.attrs[n])})
	}
	return unknown.in(map[string]any{"UserAttrs": list})
}

// removeAttr is {"UserAttrs":[{"To_Account":"a","Attrs":["sex"]}]}.
func (s *Server) removeAttr(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	items, r := parseItems(f, "UserAttrs", "Attrs")
	if r.given() {
		return answer{refusal: r}
	}
	names := make([][]string, len(items))
	for i, item := range items {
		list, ok := parseTexts(item.data)
		if !ok {
			return refused(codeBadJSON, fmt.Sprintf("UserAttrs[%d]: Attrs is no array of names", i))
		}
		for _, name := range list {
			if name == "" || !slices.Contains(q.app.attrNames[:], name) {
				return refused(codeBadAttribute, fmt.Sprintf("attribute %q is not set up", name))
			}
		}
		names[i] = list
	}
	return q.each(items, func(user, i int) {
		for _, name := range names[i] {
			q.app.setAttr(user, name, "")
		}
	})
}
