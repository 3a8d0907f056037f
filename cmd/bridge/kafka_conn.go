package main

import (
	"net"
	"sync"
	"time"
)

// deadlineConn ends reads that nobody else would end: kafka-go gives its requests a
// deadline, and logs in without one (docs/design.md, Non-obvious).
//
// Writes it leaves alone: the few bytes of a login fit into the socket's buffer, and
// whatever is larger has a deadline.
type deadlineConn struct {
	net.Conn
	limit time.Duration // of a read for which kafka-go set no deadline of its own

	mu    sync.Mutex
	set   bool      // the library's own deadline is in force
	until time.Time // the end of the reads since bytes came last, by the limit; zero: none has begun
}

// SetDeadline sets the library's own deadline, or takes it away.
func (c *deadlineConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.until = !t.IsZero(), time.Time{}
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline sets the library's own deadline, or takes it away.
func (c *deadlineConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.until = !t.IsZero(), time.Time{}
	return c.Conn.SetReadDeadline(t)
}

// Read reads within the library's deadline, or within the limit.
func (c *deadlineConn) Read(b []byte) (int, error) {
	if err := c.ensureDeadline(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.until = time.Time{}
	}
	return n, err
}

func (c *deadlineConn) ensureDeadline() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set {
		return nil
	}
	// kafka-go reads on after an error, to skip the rest of the answer: that must not
	// begin a new wait.
	if c.until.IsZero() {
		c.until = time.Now().Add(c.limit)
	}
	return c.Conn.SetReadDeadline(c.until)
}
