package pushsim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// population is the users of one app, with an index from each tag and each
// attribute pair to its users.
type population struct {
	ids      []string // user number to id; only ever grows
	numbers  map[string]int
	tags     []map[string]bool   // by user number
	attrs    []map[string]string // by user number
	everyone bitset

	attrNames [limitAttrNames]string // "" where none is set up
	byTag     map[string]bitset      // no empty sets: their number is the app's tags
	byAttr    map[pair]bitset
}

type pair struct{ name, value string }

func newPopulation() population {
	return population{numbers: make(map[string]int), byTag: make(map[string]bitset), byAttr: make(map[pair]bitset)}
}

// join adds a user without tags and attributes, or does nothing where the user
// is there.
func (p *population) join(id string) {
	if _, ok := p.numbers[id]; ok {
		return
	}
	n := len(p.ids)
	p.numbers[id] = n
	p.ids = append(p.ids, id)
	p.tags = append(p.tags, make(map[string]bool))
	p.attrs = append(p.attrs, make(map[string]string))
	p.everyone.add(n)
}

// known reports whether id can be a sender: a user or an administrator.
func (a *app) known(id string) bool {
	_, user := a.numbers[id]
	return user || slices.Contains(a.Admins, id)
}

func (p *population) tag(n int, tag string) {
	p.tags[n][tag] = true
	set := p.byTag[tag]
	set.add(n)
	p.byTag[tag] = set
}

func (p *population) untag(n int, tag string) {
	if !p.tags[n][tag] {
		return
	}
	delete(p.tags[n], tag)
	p.byTag[tag].remove(n)
	if p.byTag[tag].count() == 0 {
		delete(p.byTag, tag)
	}
}

// setAttr gives a user the attribute's one value; "" takes it away.
func (p *population) setAttr(n int, name, value string) {
	if old, ok := p.attrs[n][name]; ok {
		p.byAttr[pair{name, old}].remove(n)
		delete(p.attrs[n], name)
	}
	if value == "" {
		return
	}
	p.attrs[n][name] = value
	set := p.byAttr[pair{name, value}]
	set.add(n)
	p.byAttr[pair{name, value}] = set
}

// User is one user of an app, as the simulator knows it.
type User struct {
	App   uint32            `json:"sdkappid"`
	ID    string            `json:"id"`
	Tags  []string          `json:"tags"` // sorted
	Attrs map[string]string `json:"attrs"`
}

func (a *app) user(n int) User {
	return User{App: a.SDKAppID, ID: a.ids[n], Tags: slices.Sorted(maps.Keys(a.tags[n])), Attrs: maps.Clone(a.attrs[n])}
}

// Users returns all users, by app and then in the order they were imported.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var users []User
	for a := range s.eachApp() {
		for n := range a.ids {
			users = append(users, a.user(n))
		}
	}
	return users
}

// NameAttributes sets up an app's attribute names, numbered from 0, in every
// app. At most 10, each 1 to 50 bytes and only once.
func (s *Server) NameAttributes(names ...string) error {
	if len(names) > limitAttrNames {
		return fmt.Errorf("name attributes: %d, at most %d", len(names), limitAttrNames)
	}
	for i, name := range names {
		if name == "" || len(name) > limitAttrBytes || slices.Contains(names[:i], name) {
			return fmt.Errorf("name attribute %q: empty, over %d bytes or repeated", name, limitAttrBytes)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for a := range s.eachApp() {
		a.attrNames = [limitAttrNames]string{}
		copy(a.attrNames[:], names)
	}
	return nil
}

// Set imports the users into every app u does not rule out, with exactly these
// tags and attributes, under the limits of the endpoints. Either all are set or
// none.
func (s *Server) Set(users ...User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, u := range users {
		for a := range s.appsOf(u) {
			if err := a.judgeUser(u); err != nil {
				errs = append(errs, fmt.Errorf("set user %q: %w", u.ID, err))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, u := range users {
		for a := range s.appsOf(u) {
			a.set(u)
		}
	}
	return nil
}

func (a *app) judgeUser(u User) error {
	if !validUserID(u.ID) {
		return fmt.Errorf("no user id (1 to %d letters, digits, _ or -)", limitUserIDBytes)
	}
	if r := judgeTags(u.Tags); r.given() {
		return errors.New(r.info)
	}
	if len(u.Tags) > limitUserTags {
		return fmt.Errorf("%d tags, at most %d", len(u.Tags), limitUserTags)
	}
	for name, value := range u.Attrs {
		if !slices.Contains(a.attrNames[:], name) || value == "" || len(value) > limitAttrBytes {
			return fmt.Errorf("attribute %q: not set up, or a value of %d bytes (1 to %d)", name, len(value), limitAttrBytes)
		}
	}
	return nil
}

func (a *app) set(u User) {
	a.join(u.ID)
	n := a.numbers[u.ID]
	for old := range maps.Clone(a.tags[n]) {
		a.untag(n, old)
	}
	for _, tag := range u.Tags {
		a.tag(n, tag)
	}
	for old := range maps.Clone(a.attrs[n]) {
		a.setAttr(n, old, "")
	}
	for name, value := range u.Attrs {
		a.setAttr(n, name, value)
	}
}
