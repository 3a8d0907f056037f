package pushapi

import (
	"context"
	"net"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// lateConn is a connection of a process that is frozen when it has just got it:
// what is asked of the connection next is asked when the deadline has passed.
type lateConn struct {
	net.Conn
	asked chan time.Time // write deadlines, of which it keeps the first
}

func (c lateConn) SetWriteDeadline(at time.Time) error {
	select {
	case c.asked <- at:
	default:
	}
	return c.Conn.SetWriteDeadline(time.Now().Add(-time.Second))
}

// No byte leaves after the call's deadline, although there is a connection.
func TestNothingIsWrittenAfterTheDeadline(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	sim := simulator(t, pushsim.Config{})
	asked := make(chan time.Time, 1)
	c := newClient(t, Config{URL: serve(t, sim), Timeout: time.Hour, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return lateConn{conn, asked}, err
	}})
	until := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), until)
	defer cancel()
	o := c.Push(ctx, hello(t, 1))
	if o.Class != ClassDoubt || o.Err == nil {
		t.Errorf("%+v, %v; want a call in doubt", o, o.Err)
	}
	if got := <-asked; !got.Equal(until) {
		t.Errorf("writing was allowed until %v, want the call's deadline %v", got, until)
	}
	if n := len(sim.Calls()); n != 0 {
		t.Errorf("the API saw %d calls", n)
	}
}
