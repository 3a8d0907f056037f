package pushsim

import (
	"fmt"
	"maps"
	"slices"
)

// tagItems reads UserTags and judges every tag; at most perUser tags an
// account.
func (q *request) tagItems(f fields, perUser int) ([]accountItem, [][]string, refusal) {
	items, r := parseItems(f, "UserTags", "Tags")
	if r.given() {
		return nil, nil, r
	}
	tags := make([][]string, len(items))
	for i, item := range items {
		list, ok := parseTexts(item.data)
		if !ok {
			return nil, nil, refuse(codeBadJSON, fmt.Sprintf("UserTags[%d]: Tags is no array of strings", i))
		}
		if r := judgeTags(list); r.given() {
			return nil, nil, r
		}
		if len(list) > perUser {
			return nil, nil, refuse(codeTooManyTags, fmt.Sprintf("UserTags[%d]: %d tags, at most %d", i, len(list), perUser))
		}
		tags[i] = list
	}
	return items, tags, refusal{}
}

// addTag is {"Replace":0,"UserTags":[{"To_Account":"a","Tags":["x"]}]}. Replace
// 1 puts the tags in the place of all that the user has. The whole request is
// judged before any of it is done.
func (s *Server) addTag(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	replace, ok := f.flag("Replace")
	if !ok {
		return refused(codeBadJSON, "Replace is neither 0 nor 1")
	}
	perUser := limitTags
	if replace {
		perUser = limitUserTags
	}
	items, tags, r := q.tagItems(f, perUser)
	if r.given() {
		return answer{refusal: r}
	}
	if r := q.app.judgeRoom(items, tags, replace); r.given() {
		return answer{refusal: r}
	}
	return q.each(items, func(user, i int) {
		if replace {
			q.app.clear(user)
		}
		for _, tag := range tags[i] {
			q.app.tag(user, tag)
		}
	})
}

// judgeRoom checks the limits that depend on what is there: 100 tags a user,
// 1,000 an app. The app's is judged as if nothing were replaced.
func (a *app) judgeRoom(items []accountItem, tags [][]string, replace bool) refusal {
	fresh := make(map[string]bool)
	for i, item := range items {
		user, ok := a.numbers[item.id]
		if !ok {
			continue
		}
		have := make(map[string]bool)
		if !replace {
			have = maps.Clone(a.tags[user])
		}
		for _, tag := range tags[i] {
			have[tag] = true
			if _, ok := a.byTag[tag]; !ok {
				fresh[tag] = true
			}
		}
		if len(have) > limitUserTags {
			return refuse(codeTooManyTags, fmt.Sprintf("%q would have %d tags, at most %d", item.id, len(have), limitUserTags))
		}
	}
	if n := len(a.byTag) + len(fresh); n > limitAppTags {
		return refuse(codeTooManyTags, fmt.Sprintf("the app would have %d tags, at most %d", n, limitAppTags))
	}
	return refusal{}
}

func (p *population) clear(user int) {
	for tag := range maps.Clone(p.tags[user]) {
		p.untag(user, tag)
	}
}

// getTag is {"To_Account":["a"]}.
func (s *Server) getTag(q *request) answer {
	users, unknown, r := q.parseAccounts()
	if r.given() {
		return answer{refusal: r}
	}
	list := []map[string]any{}
	for _, n := range users {
		list = append(list, map[string]any{"To_Account": q.app.ids[n], "Tags": slices.Sorted(maps.Keys(q.app.tags[n]))})
	}
	return unknown.in(map[string]any{"UserTags": list})
}

// removeTag is {"UserTags":[{"To_Account":"a","Tags":["x"]}]}. A tag that the
// user has not is no mistake.
func (s *Server) removeTag(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	items, tags, r := q.tagItems(f, limitTags)
	if r.given() {
		return answer{refusal: r}
	}
	return q.each(items, func(user, i int) {
		for _, tag := range tags[i] {
			q.app.untag(user, tag)
		}
	})
}

// clearTags is {"To_Account":["a"]}.
func (s *Server) clearTags(q *request) answer {
	users, unknown, r := q.parseAccounts()
	if r.given() {
		return answer{refusal: r}
	}
	for _, n := range users {
		q.app.clear(n)
	}
	return unknown.in(nil)
}
