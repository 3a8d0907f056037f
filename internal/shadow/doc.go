// Package shadow runs a candidate rule file beside the live one, on live events, and
// says what it would do otherwise.
//
// Both files are played side by side by package simulate, in virtual delivery that
// answers every call at once: what differs is the file and nothing else. It never
// calls the API, and it can neither slow nor break who hands it events: what it has
// no room for it leaves out for both files and counts, and if it fails it stops alone.
//
//	bridge's loop ─► Feed ─► queue ─► Run ─┬─► the live rules, simulated ──┬─► compare ─► Tell, Status
//	                 never waits           └─► the candidate, simulated ───┘
package shadow
