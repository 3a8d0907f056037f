package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// moment is a place in the life of a call, as the wire shows it. Of two that
// belong together the first is before the request has gone on to its receiver,
// the second when the receiver has done it and its answer has not gone back.
type moment uint8

const (
	onAttempt moment = iota + 1 // the attempt to the journal
	afterAttempt
	onFence // the commit that fences it
	afterFence
	onCall // the call to the API
	afterCall
	onOutcome // the outcome to the journal
	afterOutcome
	onResults // what became of its events, to the results topic
	afterResults
	onCommit // the commit after that
	afterCommit
)

// String returns what a moment is for who reads the counts.
func (m moment) String() string {
	return [...]string{
		"before the first call", "attempt on its way", "attempt written", "fence on its way", "fence taken", "call on its way", "call done",
		"outcome on its way", "outcome written", "results on their way", "results written", "commit on its way", "commit taken",
	}[m]
}

// trap does something to a process at a moment. The request or answer that it
// sprang at goes on when resume is closed; where resume is nil it is lost.
type trap struct {
	at     moment
	skip   int // how many of these moments pass before; negative: it has sprung
	act    func()
	resume chan struct{}
	sprung chan struct{} // closed after act
	once   sync.Once
}

// release lets go on what the trap has held up.
func (t *trap) release() {
	if t.resume != nil {
		t.once.Do(func() { close(t.resume) })
	}
}

// tap stands between one process and everything that it talks to: it knows from
// the bytes what the process is doing, so that a process without any hook for
// tests can be killed at a chosen moment. Of Kafka's protocol it reads the api
// key of requests and looks for names in them, and puts its own port in the
// place of the broker's in answers.
type tap struct {
	t                *testing.T
	broker           string
	journal, results []byte
	kafka            net.Listener
	api              *httptest.Server
	behind           string // the API's URL
	serving          sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]bool
	trap    *trap
	latest  moment
	unfence bool        // an attempt is written or on its way, and its fence is not
	over    bool        // the last attempt has its outcome
	calls   []time.Time // when each call came by
}

func newTap(s *site) *tap {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	p := &tap{
		t: s.t, broker: s.addr, journal: []byte(s.topic("journal")), results: []byte(s.topic("results")), kafka: ln, behind: s.url,
		conns: map[net.Conn]bool{},
	}
	p.api = httptest.NewServer(http.HandlerFunc(p.serveAPI))
	p.serving.Go(p.accept)
	s.t.Cleanup(p.close)
	return p
}

// env is what a process is told, so that it goes through the tap.
func (p *tap) env() []string {
	return []string{"BRIDGE_KAFKA_BROKERS=" + p.kafka.Addr().String(), "BRIDGE_PUSH_URL=" + p.api.URL}
}

// close ends what the tap serves. Its process has ended.
func (p *tap) close() {
	p.kafka.Close()
	p.mu.Lock()
	if p.trap != nil {
		p.trap.release()
	}
	for c := range p.conns {
		c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.api.CloseClientConnections()
	p.api.Close()
	p.serving.Wait()
}

// set arms the trap in the place of the one before.
func (p *tap) set(t *trap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap, p.latest = t, 0
}

// disarm takes away a trap that has not sprung.
func (p *tap) disarm() { p.set(nil) }

// pass tells the tap where the process is, and springs the trap that waits for
// it. It returns false where what is passing gets lost.
func (p *tap) pass(m moment) bool {
	if m == 0 {
		return true
	}
	p.mu.Lock()
	p.latest = m
	if m == onCall {
		p.calls = append(p.calls, time.Now())
	}
	t := p.trap
	if t == nil || t.at != m || t.skip < 0 {
		p.mu.Unlock()
		return true
	}
	if t.skip--; t.skip >= 0 {
		p.mu.Unlock()
		return true
	}
	p.mu.Unlock()
	t.act()
	close(t.sprung)
	if t.resume == nil {
		return false
	}
	<-t.resume
	return true
}

// now is where the process was seen last.
func (p *tap) now() moment {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest
}

// callAfter returns when the first call after an instant came by.
func (p *tap) callAfter(at time.Time) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if c.After(at) {
			return c, true
		}
	}
	return time.Time{}, false
}

func (p *tap) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !p.pass(onCall) {
		panic(http.ErrAbortHandler)
	}
	res, err := http.Post(p.behind+r.URL.RequestURI(), r.Header.Get("Content-Type"), bytes.NewReader(body)) // who called may be dead by now: the call goes on
	if err != nil {
		p.t.Errorf("the simulator does not answer: %v", err)
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || !p.pass(afterCall) {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	w.Write(answer)
}

func (p *tap) accept() {
	for {
		client, err := p.kafka.Accept()
		if err != nil {
			return
		}
		broker, err := net.Dial("tcp", p.broker)
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client) || !p.keep(broker) {
			client.Close()
			broker.Close()
			return
		}
		// Which requests have no answer yet. A client has few of them on one
		// connection, kafka-go one.
		asked := make(chan request, 64)
		p.serving.Go(func() { p.requests(client, broker, asked) })
		p.serving.Go(func() { p.answers(broker, client, asked) })
	}
}

// keep remembers a connection, to be closed with the tap.
func (p *tap) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return false
	}
	p.conns[c] = true
	return true
}

// drop closes both ends of a connection.
func (p *tap) drop(a, b net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []net.Conn{a, b} {
		c.Close()
		delete(p.conns, c)
	}
}

// request is what an answer will belong to.
type request struct {
	key  uint16
	then moment // where the process is when the answer comes
}

// Keys of Kafka's requests.
const (
	keyProduce         = 0
	keyMetadata        = 3
	keyOffsetCommit    = 8
	keyFindCoordinator = 10
)

func (p *tap) requests(client, broker net.Conn, asked chan<- request) {
	defer close(asked)
	defer p.drop(client, broker)
	for {
		frame, err := readFrame(client)
		if err != nil || len(frame) < 8 {
			return
		}
		key := binary.BigEndian.Uint16(frame[4:])
		before, after := p.judge(key, frame)
		if !p.pass(before) {
			return
		}
		asked <- request{key, after}
		if _, err := broker.Write(frame); err != nil {
			return
		}
	}
}

func (p *tap) answers(broker, client net.Conn, asked <-chan request) {
	defer p.drop(client, broker)
	for {
		frame, err := readFrame(broker)
		if err != nil {
			return
		}
		r, ok := <-asked
		if !ok || !p.pass(r.then) {
			return
		}
		if r.key == keyMetadata || r.key == keyFindCoordinator {
			frame = bytes.ReplaceAll(frame, wireAddr(p.broker), wireAddr(p.kafka.Addr().String()))
		}
		if _, err := client.Write(frame); err != nil {
			return
		}
	}
}

// judge says what a request is in the life of a call, before and after.
func (p *tap) judge(key uint16, frame []byte) (before, after moment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case key == keyProduce && bytes.Contains(frame, p.journal) && bytes.Contains(frame, []byte(`"attempt":{`)):
		p.unfence, p.over = true, false
		return onAttempt, afterAttempt
	case key == keyProduce && bytes.Contains(frame, p.journal) && bytes.Contains(frame, []byte(`"outcome":{`)):
		p.unfence, p.over = false, true
		return onOutcome, afterOutcome
	case key == keyProduce && bytes.Contains(frame, p.results) && p.over:
		return onResults, afterResults
	case key == keyOffsetCommit && p.unfence:
		p.unfence = false
		return onFence, afterFence
	case key == keyOffsetCommit && p.over:
		return onCommit, afterCommit
	}
	return 0, 0
}

// readFrame reads one request or answer, with its length before it.
func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 64<<20 {
		return nil, errors.New("not Kafka's protocol")
	}
	frame := make([]byte, 4+n)
	copy(frame, size[:])
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}

// wireAddr is an address as answers have it: the host, then the port in four
// bytes. All of them here are of loopback, so that none is longer than another.
func wireAddr(addr string) []byte {
	host, port, err := net.SplitHostPort(addr)
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || host != "127.0.0.1" {
		panic("the tap works with addresses 127.0.0.1:port, not " + addr)
	}
	return binary.BigEndian.AppendUint32([]byte(host), uint32(n))
}
