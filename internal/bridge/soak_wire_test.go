package bridge

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// place is where a wire leads.
type place int

const (
	toKafka place = iota
	toGroup       // Kafka too, by the connection of the membership
	toAPI
	places
)

// wireState is what the network does with what is sent.
type wireState int

const (
	whole    wireState = iota // it arrives
	cut                       // connections are closed, and new ones refused
	silenced                  // it is swallowed, and no answer comes, until somebody gives up
)

var errWireCut = errors.New("the network is cut")

// wire is one instance's network. It can be cut or frozen, to either place, and
// cut for ever, which is what a killed process looks like from outside.
type wire struct {
	network *kfake.VirtualNetwork

	mu    sync.Mutex
	dead  bool
	state [places]wireState
	thaw  [places]chan struct{} // closed when the state changes
	conns map[*wireConn]bool
}

func newWire(network *kfake.VirtualNetwork) *wire {
	return &wire{network: network, thaw: [places]chan struct{}{make(chan struct{}), make(chan struct{}), make(chan struct{})}, conns: map[*wireConn]bool{}}
}

func (w *wire) dialKafka(ctx context.Context, network, address string) (net.Conn, error) {
	return w.dial(ctx, toKafka, network, address)
}

// dialGroup is for kafka-go's membership, of which two goroutines use one
// connection: who waits for the other does so on a mutex, which stops a bubble's
// clock. So an answer that never comes is a connection that ends.
func (w *wire) dialGroup(ctx context.Context, network, address string) (net.Conn, error) {
	return w.dial(ctx, toGroup, network, address)
}

func (w *wire) dialAPI(ctx context.Context, network, address string) (net.Conn, error) {
	return w.dial(ctx, toAPI, network, address)
}

func (w *wire) dial(ctx context.Context, to place, network, address string) (net.Conn, error) {
	state, thaw := w.look(to)
	for state == silenced {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-thaw:
			state, thaw = w.look(to)
		case <-time.After(time.Minute):
			return nil, os.ErrDeadlineExceeded
		}
	}
	if state == cut {
		return nil, errWireCut
	}
	inner, err := w.network.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &wireConn{Conn: inner, wire: w, to: to, address: address, closed: make(chan struct{}), moved: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state[to] == cut || w.state[to] == silenced {
		inner.Close()
		return nil, errWireCut
	}
	w.conns[c] = true
	return c, nil
}

func (w *wire) look(to place) (wireState, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state[to], w.thaw[to]
}

// set changes the way to a place; a wire that is dead stays so.
func (w *wire) set(to place, s wireState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return
	}
	w.setLocked(to, s)
	if to == toKafka {
		w.setLocked(toGroup, s)
	}
}

func (w *wire) setLocked(to place, s wireState) {
	w.state[to] = s
	close(w.thaw[to])
	w.thaw[to] = make(chan struct{})
	for c := range w.conns {
		if c.to == to && (s == cut || s == silenced && to == toGroup) {
			c.Conn.Close()
		}
	}
}

// hangUp ends the connections to an address, as a broker does that goes. kfake leaves
// them open, and they are answered in the name of the one that has gone.
func (w *wire) hangUp(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		if c.address == address {
			c.Conn.Close()
		}
	}
}

// kill is the end of the process at its other end.
func (w *wire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for to := range places {
		w.setLocked(to, cut)
	}
	w.dead = true
}

func (w *wire) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// wireConn is one connection. What is written while the wire is frozen is lost,
// so that such a connection is of no more use after it.
type wireConn struct {
	net.Conn
	wire    *wire
	to      place
	address string
	once    sync.Once
	closed  chan struct{}

	mu       sync.Mutex
	lost     bool
	deadline time.Time     // of reading
	moved    chan struct{} // closed when the deadline changes
}

func (c *wireConn) Write(p []byte) (int, error) {
	if state, _ := c.wire.look(c.to); state == silenced && c.to != toGroup {
		c.mu.Lock()
		c.lost = true
		c.mu.Unlock()
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for {
		state, thaw := c.wire.look(c.to)
		c.mu.Lock()
		lost, deadline, moved := c.lost, c.deadline, c.moved
		c.mu.Unlock()
		switch {
		case state == cut || state == silenced && c.to == toGroup:
			return 0, errWireCut
		case state == whole && lost:
			c.Conn.Close()
			return 0, errWireCut
		case state == whole:
			return n, err
		}
		// The answer is held back as long as the reader is patient.
		var late <-chan time.Time
		if !deadline.IsZero() {
			timer := time.NewTimer(time.Until(deadline))
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-thaw:
		case <-moved:
		case <-c.closed:
			return 0, net.ErrClosed
		case <-late:
			c.mu.Lock()
			c.lost = true
			c.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (c *wireConn) SetDeadline(t time.Time) error {
	c.setDeadline(t)
	return c.Conn.SetDeadline(t)
}

func (c *wireConn) SetReadDeadline(t time.Time) error {
	c.setDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *wireConn) setDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	close(c.moved)
	c.moved = make(chan struct{})
}

func (c *wireConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}
