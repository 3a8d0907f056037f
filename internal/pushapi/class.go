package pushapi

// Class says what a caller may do after a call. It is the only thing the rest
// of the program looks at; codes stay in this package. Its text is the value of
// the metric label class.
type Class uint8

// The classes of push-api.md. The zero Class is invalid, so that a forgotten
// one is seen.
const (
	ClassOK     Class = iota + 1 // done
	ClassRetry                   // later, the same request
	ClassWait                    // the same request after a pause: the API has seen too many
	ClassQuota                   // when the window frees
	ClassResign                  // once more after the interval: the next call has a new signature
	ClassReject                  // never: this request is bad for good
	ClassConfig                  // when a person has changed something; until then one probe an hour
	ClassDoubt                   // unknown: it may have been delivered
)

// Classes lists all of them.
var Classes = [...]Class{ClassOK, ClassRetry, ClassWait, ClassQuota, ClassResign, ClassReject, ClassConfig, ClassDoubt}

// String returns the label.
func (c Class) String() string {
	switch c {
	case ClassOK:
		return "ok"
	case ClassRetry:
		return "retry"
	case ClassWait:
		return "wait"
	case ClassQuota:
		return "quota"
	case ClassResign:
		return "resign"
	case ClassReject:
		return "reject"
	case ClassConfig:
		return "config"
	case ClassDoubt:
		return "doubt"
	}
	return "invalid"
}
