package pushapi

import "time"

// Pauses after an answer that asks for one.
const (
	retryFirst = time.Second
	retryMost  = 5 * time.Minute
	// The codes that say "too frequent" without a figure speak about calls a
	// minute; a minute is also what the vendor advises for 70050.
	waitFirst = time.Minute
	waitMost  = time.Hour
	// A person may have acted at the vendor's console, which tells nobody: one
	// call an hour finds out. It counts as a call.
	probeAfter = time.Hour
)

// streak remembers what the calls before this one ended in. It has one owner.
type streak struct {
	failures int  // in a row: retry or doubt
	waits    int  // in a row: too frequent, without a figure
	resigned bool // the latest answer refused the signature
	stranger int  // the latest answer's code, where the table does not know it
}

// settle returns the class of an answer in the light of the answers before it:
// what is tried once more the first time needs a person the second time.
// A call without an answer says nothing about signature or code and changes
// nothing here.
func (s *streak) settle(a answer) (Class, string) {
	if !a.answered {
		return a.class, a.do
	}
	resigned, stranger := s.resigned, s.stranger
	s.resigned, s.stranger = a.class == ClassResign, 0
	if !a.known && a.class == ClassRetry {
		s.stranger = a.code
	}
	switch {
	case a.class == ClassResign && resigned:
		return ClassConfig, a.do
	case s.stranger != 0 && s.stranger == stranger:
		return ClassConfig, a.do
	case a.class == ClassConfig:
		return a.class, a.do
	}
	return a.class, "" // the bridge does it itself
}

// pause returns how long no call should start after one that ended in class.
// random is uniform; it spreads callers that failed together. interval is the
// API's own: what 90024 asks for.
func (s *streak) pause(class Class, code int, interval time.Duration, random uint32) time.Duration {
	switch class {
	case ClassRetry, ClassDoubt:
		s.failures, s.waits = s.failures+1, 0
		d := double(retryFirst, retryMost, s.failures-1)
		return d/2 + portion(d/2, random)
	case ClassWait:
		s.failures = 0
		if code == 90024 {
			return interval
		}
		s.waits++
		d := double(waitFirst, waitMost, s.waits-1)
		return d + portion(d/4, random)
	case ClassConfig:
		s.failures, s.waits = 0, 0
		return probeAfter
	case ClassOK, ClassQuota, ClassResign, ClassReject:
		s.failures, s.waits = 0, 0
	}
	return 0
}

// double returns first doubled n times, at most most.
func double(first, most time.Duration, n int) time.Duration {
	d := first
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// portion returns the part of d that random is of all numbers.
func portion(d time.Duration, random uint32) time.Duration {
	return time.Duration(float64(d) * float64(random) / (1 << 32))
}
