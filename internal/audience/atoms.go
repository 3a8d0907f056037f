package audience

import "iter"

// Atoms yields the tags, each with no value, or the pairs' names and values, in
// order. Unlike Tags and Pairs it makes no lists.
func (a Audience) Atoms() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := a.atoms; rest != ""; {
			n := 1 + int(rest[0])
			name, value := rest[1:n], ""
			rest = rest[n:]
			if !a.ofTags() {
				n = 1 + int(rest[0])
				value, rest = rest[1:n], rest[n:]
			}
			if !yield(name, value) {
				return
			}
		}
	}
}
