package pushsim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind uint8

// The kinds; the last two bend a call, the others end it.
const (
	FaultCode    FaultKind = iota + 1 // answer Code
	FaultStatus                       // answer HTTP Status with a body that is no JSON
	FaultGarbage                      // answer HTTP 200 with a body that does not parse
	FaultReset                        // reset the connection (RST on TCP), no answer
	FaultClose                        // close the connection, no answer
	FaultStall                        // never answer; ends when the client gives up
	FaultDelay                        // only the Delay, then go on
	FaultSkew                         // only the Skew, then go on
)

// faultNames are the words of the operator's JSON, in the order of the kinds.
var faultNames = [...]string{"", "code", "status", "garbage", "reset", "close", "stall", "delay", "skew"}

// String returns the kind's word.
func (k FaultKind) String() string {
	if k == 0 || int(k) >= len(faultNames) {
		return "FaultKind(" + strconv.Itoa(int(k)) + ")"
	}
	return faultNames[k]
}

// MarshalText writes the kind's word.
func (k FaultKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the kind's word.
func (k *FaultKind) UnmarshalText(text []byte) error {
	i := slices.Index(faultNames[1:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown fault %q: one of %q", text, faultNames[1:])
	}
	*k = FaultKind(i + 1)
	return nil
}

// Always is the Count of a fault that never ends.
const Always = -1

// Fault is one programmed failure. Faults are data, so that a failing run can
// be repeated and shrunk. Several may meet the same call: their delays and
// skews add up, and the first that ends the call wins.
type Fault struct {
	Endpoint string // the path's last word; empty: push
	From     int    // number of the first request it meets, from 1; 0: the next
	Count    int    // how many requests it meets; 0: 1; Always

	Kind FaultKind
	// After says that the request is judged and, if good, done before the fault
	// happens, so the caller is left in doubt. Otherwise it is not done.
	After  bool
	Delay  time.Duration // on top of any kind, on the side that After says
	Skew   time.Duration // on top of any kind: how far ahead the server's clock is
	Code   int           // FaultCode
	Info   string        // FaultCode: ErrorInfo
	Status int           // FaultStatus: 400 to 599
}

func (f Fault) check() error {
	switch {
	case f.Kind == 0 || int(f.Kind) >= len(faultNames):
		return errors.New("unknown kind")
	case f.Kind == FaultCode && f.Code <= 0:
		return fmt.Errorf("code %d: must be positive", f.Code)
	case f.Kind == FaultStatus && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status %d: must be 400 to 599", f.Status)
	case f.Delay < 0:
		return fmt.Errorf("delay %v: must not be negative", f.Delay)
	case f.From < 0 || f.Count < Always:
		return fmt.Errorf("from %d, count %d: must not be negative", f.From, f.Count)
	case f.Endpoint != "" && !knownEndpoint(f.Endpoint):
		return fmt.Errorf("unknown endpoint %q", f.Endpoint)
	}
	return nil
}

// meets reports whether f, resolved by Inject, is for the n-th request.
func (f Fault) meets(endpoint string, n int) bool {
	return f.Endpoint == endpoint && n >= f.From && (f.Count == Always || n < f.From+f.Count)
}

// ends reports whether f ends the call instead of only bending it.
func (f Fault) ends() bool { return f.Kind != FaultDelay && f.Kind != FaultSkew }

// Inject adds faults. Either all are added or, if one is wrong, none is.
func (s *Server) Inject(faults ...Fault) error {
	var errs []error
	for i, f := range faults {
		if err := f.check(); err != nil {
			errs = append(errs, fmt.Errorf("fault %d: %w", i, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		setDefault(&f.Endpoint, endpointPush)
		setDefault(&f.Count, 1)
		setDefault(&f.From, s.numbers[f.Endpoint]+1)
		s.faults = append(s.faults, f)
	}
	return nil
}

// ClearFaults takes all faults back.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Faults returns the faults that can still meet a request, with From and Count
// as they were resolved.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.faults), func(f Fault) bool {
		return f.Count != Always && s.numbers[f.Endpoint] >= f.From+f.Count-1
	})
}

// plan is what the faults of one request come to.
type plan struct {
	skew          time.Duration
	before, after time.Duration // delays around the judgement
	instead       *Fault        // ends the call before it is judged
	lost          *Fault        // ends the call after it is judged
}

// planFor returns what happens to the n-th request. The caller holds s.mu.
func (s *Server) planFor(endpoint string, n int) plan {
	var p plan
	for _, f := range s.faults {
		if !f.meets(endpoint, n) {
			continue
		}
		p.skew += f.Skew
		if f.After {
			p.after += f.Delay
		} else {
			p.before += f.Delay
		}
		switch {
		case !f.ends():
		case f.After && p.lost == nil:
			p.lost = &f
		case !f.After && p.instead == nil:
			p.instead = &f
		}
	}
	return p
}
