package intent

import "pushbridge/internal/audience"

// restOfRequest is what a push request has beside its message and its
// condition, with the longest MsgRandom (a test of pushapi holds the encoder
// to it).
const restOfRequest = len(`{"MsgRandom":4294967295,}`)

// conditionName is what stands before a condition; everyone has none.
const conditionName = len(`,"Condition":`)

// RequestSize returns the bytes of the push request that says m to a: exact for
// a MsgRandom of ten digits, so a request never has more. It is the one measure
// by which rules, merging and the call itself agree on what is too large.
func (m Message) RequestSize(a audience.Audience) int {
	n := m.Size() + restOfRequest
	if a.Kind() != audience.Everyone {
		n += conditionName + a.EncodedLen()
	}
	return n
}

// MaxRequestSize returns the RequestSize for the largest condition there is.
func (m Message) MaxRequestSize() int {
	return m.Size() + restOfRequest + conditionName + audience.MaxEncodedLen
}

// AddedSize returns the bytes that m adds to a request which says another
// message of the same envelope already.
func (m Message) AddedSize() int { return len(m.body) + len(`,`) }
