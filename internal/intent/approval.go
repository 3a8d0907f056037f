package intent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Approval says that people must have approved of what is to be pushed: By
// distinct ones, within this of Origin.Received.
type Approval struct {
	By     int
	Within time.Duration
}

// String returns the words for what is waited for.
func (a Approval) String() string { return fmt.Sprintf("approval by %d within %v", a.By, a.Within) }

// ApprovalID names what an approval of the intent is given to: the message as the API
// is told it, under one rule and with one key of coalescing. It does not depend on the
// audience: the events of one text share calls, and so they share an approval. It is
// long enough that nobody makes two texts of one id.
func (in *Intent) ApprovalID() string {
	h := sha256.New()
	for _, part := range []string{in.Rule, in.Policy.Key, in.Message.envelope.Value(), in.Message.body} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
