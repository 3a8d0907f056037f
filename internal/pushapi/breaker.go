package pushapi

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// ErrBreakerOpen is a call that was not made because the calls before it
// failed. It spends nothing.
var ErrBreakerOpen = errors.New("breaker is open")

// BreakerState says whether calls are let through. Its numbers are those of the
// metric bridge_breaker_state.
type BreakerState uint8

// The states. The zero BreakerState is the state at the start.
const (
	BreakerClosed   BreakerState = iota // every call
	BreakerHalfOpen                     // one call, which decides
	BreakerOpen                         // none
)

// String returns the word for logs and people.
func (s BreakerState) String() string {
	switch s {
	case BreakerClosed:
		return "closed"
	case BreakerHalfOpen:
		return "half-open"
	case BreakerOpen:
		return "open"
	}
	return "invalid"
}

// breaker is gobreaker with the instant at which it opens for a trial, which
// gobreaker keeps to itself.
type breaker struct {
	two   *gobreaker.TwoStepCircuitBreaker[struct{}]
	until atomic.Pointer[time.Time]
}

// newBreaker opens for openFor after failures calls in a row that ended in retry
// or doubt. Every other answer, a refusal too, shows an API that works.
func newBreaker(failures uint32, openFor time.Duration) *breaker {
	b := &breaker{}
	b.two = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		Timeout:     openFor,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= failures },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				// gobreaker lets a call through after the instant, not at it: one
				// nanosecond more, so that who wakes at until is not sent back.
				until := time.Now().Add(openFor + 1)
				b.until.Store(&until)
			}
		},
		IsSuccessful: func(err error) bool {
			e, ok := errors.AsType[*Error](err)
			return !ok || (e.Class != ClassRetry && e.Class != ClassDoubt)
		},
		// A caller who left says nothing about the API.
		IsExcluded: func(err error) bool { return errors.Is(err, errCallerLeft) },
	})
	return b
}

// state returns the state now, and for an open breaker the instant from which a
// call is let through.
func (b *breaker) state() (BreakerState, time.Time) {
	switch b.two.State() {
	case gobreaker.StateHalfOpen:
		return BreakerHalfOpen, time.Time{}
	case gobreaker.StateOpen:
		return BreakerOpen, *b.until.Load()
	case gobreaker.StateClosed:
	}
	return BreakerClosed, time.Time{}
}
