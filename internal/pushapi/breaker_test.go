package pushapi

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/pushapi/pushsim"
)

func TestBreakerOpensTriesAndCloses(t *testing.T) {
	t.Attr("promise", "budget")
	synctest.Test(t, func(t *testing.T) {
		// The 3 failures that open it, the trial that fails, then a healthy API.
		sim := simulator(t, pushsim.Config{Faults: []pushsim.Fault{{Kind: pushsim.FaultCode, Code: 91000, Count: 4}}})
		reg := prometheus.NewRegistry()
		log, logText := logged()
		c := inBubble(t, sim, Config{BreakerFailures: 3, BreakerOpen: time.Minute, Registerer: reg, Logger: log})
		push := func() Outcome { return c.Push(t.Context(), hello(t, 1)) }
		wantState := func(want BreakerState) time.Time {
			t.Helper()
			got, until := c.Breaker()
			if got != want {
				t.Fatalf("breaker is %v, want %v", got, want)
			}
			if g := gauge(t, reg, "bridge_breaker_state"); g != float64(want) {
				t.Errorf("bridge_breaker_state is %v, want %v", g, float64(want))
			}
			return until
		}

		for range 2 {
			push()
			wantState(BreakerClosed)
		}
		o := push()
		until := wantState(BreakerOpen)
		if o.Class != ClassRetry || o.RetryAfter < time.Minute || !o.Ended.Add(o.RetryAfter).Equal(until) {
			t.Errorf("the call that opens it: %v, pause %v", o.Class, o.RetryAfter)
		}

		time.Sleep(time.Minute) // to the last instant of being open
		o = push()
		if o.Class != ClassRetry || !errors.Is(o.Err, ErrBreakerOpen) || o.Sent || o.Counted || o.RetryAfter != 1 {
			t.Errorf("while open: %+v, %v", o, o.Err)
		}
		if n := len(sim.Calls()); n != 3 {
			t.Errorf("the API saw %d calls, want 3", n)
		}

		time.Sleep(time.Until(until))
		wantState(BreakerHalfOpen)
		if o := push(); o.Class != ClassRetry || !o.Sent {
			t.Errorf("trial: %+v", o)
		}
		time.Sleep(time.Until(wantState(BreakerOpen)))
		wantState(BreakerHalfOpen)
		if o := push(); o.Class != ClassOK {
			t.Errorf("second trial: %+v", o)
		}
		wantState(BreakerClosed)

		if got, timed := counts(t, reg); got["retry"] != 4 || got["ok"] != 1 || timed != 5 {
			t.Errorf("counted %v, timed %d: a call that was not made is not counted", got, timed)
		}
		if s := logText.String(); strings.Count(s, "breaker opened") != 2 || strings.Count(s, "breaker closed") != 1 {
			t.Errorf("log:\n%s", s)
		}
	})
}

func TestBreakerCountsOnlyRetryAndDoubt(t *testing.T) {
	t.Attr("guards", "an API that refuses is an API that works")
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			fault pushsim.Fault
			want  BreakerState
		}{
			"retry":     {pushsim.Fault{Kind: pushsim.FaultCode, Code: 91000}, BreakerOpen},
			"HTTP 503":  {pushsim.Fault{Kind: pushsim.FaultStatus, Status: 503}, BreakerOpen},
			"doubt":     {pushsim.Fault{Kind: pushsim.FaultStall}, BreakerOpen},
			"closed":    {pushsim.Fault{Kind: pushsim.FaultClose, After: true}, BreakerOpen},
			"wait":      {pushsim.Fault{Kind: pushsim.FaultCode, Code: 90024}, BreakerClosed},
			"quota":     {pushsim.Fault{Kind: pushsim.FaultCode, Code: 90047}, BreakerClosed},
			"resign":    {pushsim.Fault{Kind: pushsim.FaultCode, Code: 70001}, BreakerClosed},
			"reject":    {pushsim.Fault{Kind: pushsim.FaultCode, Code: 90033}, BreakerClosed},
			"config":    {pushsim.Fault{Kind: pushsim.FaultCode, Code: 90009}, BreakerClosed},
			"not there": {pushsim.Fault{Kind: pushsim.FaultStatus, Status: 404}, BreakerClosed},
		} {
			tt.fault.Count = pushsim.Always
			c := inBubble(t, simulator(t, pushsim.Config{Faults: []pushsim.Fault{tt.fault}}), Config{})
			for i := range 5 {
				if got, _ := c.Breaker(); got != BreakerClosed {
					t.Errorf("%s: %v after %d of 5 calls", name, got, i)
				}
				c.Push(t.Context(), hello(t, 1))
			}
			if got, _ := c.Breaker(); got != tt.want {
				t.Errorf("%s: %v after 5 calls, want %v", name, got, tt.want)
			}
		}
	})
}

func TestBreakerIgnoresACallerWhoLeft(t *testing.T) {
	t.Attr("guards", "a shutdown is not held against the API")
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "http://push.test", BreakerFailures: 1, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			time.Sleep(2 * time.Second) // and then the connection is of no use
			return nil, errors.New("refused")
		}})
		for _, leaves := range []time.Duration{0, time.Second} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(leaves, cancel)
			synctest.Wait()
			o := c.Push(ctx, hello(t, 1))
			if o.Class != ClassRetry || o.Sent || o.Counted || o.Ended.Sub(o.Started) != leaves {
				t.Errorf("left after %v: %+v, %v", leaves, o, o.Err)
			}
			if got, _ := c.Breaker(); got != BreakerClosed {
				t.Errorf("left after %v: breaker is %v", leaves, got)
			}
		}
		if o := c.Push(t.Context(), hello(t, 1)); o.Class != ClassRetry || o.Sent {
			t.Errorf("stayed: %+v", o)
		}
		if got, _ := c.Breaker(); got != BreakerOpen {
			t.Errorf("stayed: breaker is %v", got)
		}
	})
}

func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
