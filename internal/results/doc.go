// Package results tells the world: how every event ended and how every call
// ended, as CloudEvents on the results topic, and what could not be used, as it
// came, on the dead-letter topic.
//
// It never decides anything and never remembers: it may lag behind the journal,
// which can repeat it. Ids are made from what is told, so a repeat has the id of
// the first telling and readers can drop it. The bridge's record goroutine owns a
// Writer; what shadow rules would do is told by another.
package results
