package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/offset"
)

// DefaultMaxEventBytes is how large an event may be where Config says nothing.
const DefaultMaxEventBytes = 1 << 20

// minGeneration is how long a generation is held at least. kafka-go joins again
// at once when a generation ends without an error, which it does for as long as
// a topic is missing: thousands of joins a second without this.
const minGeneration = 250 * time.Millisecond

// Config is what a Group needs. Durations of 0 take kafka-go's defaults but for
// RebalanceTimeout, which is then twice the session.
type Config struct {
	Brokers []string
	Group   string
	Topics  []string
	// Aside is those of Topics whose batches come by Session.Aside.
	Aside []string

	// The process's one transport and dialer, with TLS, SASL and timeouts set.
	Transport *kafka.Transport
	Dialer    *kafka.Dialer

	SessionTimeout    time.Duration
	RebalanceTimeout  time.Duration
	HeartbeatInterval time.Duration
	Timeout           time.Duration // of one request; 0: 5 s

	MaxEventBytes        int  // value and headers of a record; 0: DefaultMaxEventBytes
	AcceptBareStructured bool // a JSON object without a content-type header is a structured event

	Logger   *slog.Logger
	Registry prometheus.Registerer

	// OnState is told of every change of state; nil: nobody is. It must not block.
	OnState func(State)
}

// State is what a member of the group is doing.
type State uint8

const (
	// Joining has no generation: the group is being formed, or Kafka does not
	// answer.
	Joining State = iota + 1
	// Standby is a member without partitions, ready to take over.
	Standby
	// Owner has all partitions, and serve is running.
	Owner
)

// String returns the word for logs and the console.
func (s State) String() string {
	switch s {
	case Joining:
		return "joining"
	case Standby:
		return "standby"
	case Owner:
		return "owner"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Group is a membership in the consumer group.
type Group struct {
	cfg     Config
	client  *kafka.Client
	decode  func(*Record)
	metrics *metrics
	state   atomic.Uint32
}

// New checks the configuration. It starts nothing and connects to nothing.
func New(cfg Config) (*Group, error) {
	var problems []error
	need := func(ok bool, what string) {
		if !ok {
			problems = append(problems, fmt.Errorf("consume: %s is missing", what))
		}
	}
	need(len(cfg.Brokers) > 0, "Brokers")
	need(cfg.Group != "", "Group")
	need(len(cfg.Topics) > 0, "Topics")
	need(cfg.Transport != nil, "Transport")
	need(cfg.Dialer != nil, "Dialer")
	need(cfg.Logger != nil, "Logger")
	need(cfg.Registry != nil, "Registry")
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 30 * time.Second
	}
	if cfg.RebalanceTimeout == 0 {
		cfg.RebalanceTimeout = 2 * cfg.SessionTimeout
	}
	if cfg.MaxEventBytes == 0 {
		cfg.MaxEventBytes = DefaultMaxEventBytes
	}
	m, err := newMetrics(cfg.Registry, cfg.Topics)
	if err != nil {
		return nil, err
	}
	g := &Group{
		cfg:     cfg,
		client:  newClient(cfg.Brokers, cfg.Transport, cfg.Timeout),
		decode:  decoder{maxBytes: cfg.MaxEventBytes, bare: cfg.AcceptBareStructured}.decode,
		metrics: m,
	}
	g.state.Store(uint32(Joining))
	return g, nil
}

// newClient returns a client of the shared transport; its requests go to
// whichever broker they concern.
func newClient(brokers []string, transport kafka.RoundTripper, timeout time.Duration) *kafka.Client {
	var addr net.Addr = kafka.TCP(brokers...)
	return &kafka.Client{Addr: addr, Transport: transport, Timeout: timeout}
}

// State returns what this member is doing now.
func (g *Group) State() State { return State(g.state.Load()) }

// Writer says whether this member owns the partitions now.
func (g *Group) Writer() bool { return g.State() == Owner }

// Run is a member of the group until ctx ends, and calls serve for every
// generation in which this member owns the partitions.
//
// serve's ctx ends when the generation does, with a cause that is ErrNotOwner,
// or when Run's does. Either way the generation stays with this member until
// serve returns or RebalanceTimeout has passed, so serve may still commit, by a
// context of its own, and should then return soon. Two sessions whose
// generations follow each other directly had no other owner in between.
//
// Where serve returns ErrAgain while its ctx goes on, it is called again in the same
// generation; with any other error Run ends with that.
// Otherwise it joins again. Run returns nil when ctx ends.
func (g *Group) Run(ctx context.Context, serve func(context.Context, *Session) error) error {
	balancer := new(soleOwner)
	balancer.joins(time.Now())
	members, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                    g.cfg.Group,
		Brokers:               g.cfg.Brokers,
		Topics:                g.cfg.Topics,
		Dialer:                g.cfg.Dialer,
		GroupBalancers:        []kafka.GroupBalancer{balancer},
		HeartbeatInterval:     g.cfg.HeartbeatInterval,
		SessionTimeout:        g.cfg.SessionTimeout,
		RebalanceTimeout:      g.cfg.RebalanceTimeout,
		Timeout:               g.cfg.Timeout,
		JoinGroupBackoff:      time.Second,
		StartOffset:           kafka.FirstOffset,
		WatchPartitionChanges: true,
	})
	if err != nil {
		return fmt.Errorf("join group %s: %w", g.cfg.Group, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var fatal error       // of serve; read once serving is over
	var owned atomic.Bool // since it joined as the newest
	var serving sync.WaitGroup
	trouble := newTrouble(g.cfg.Logger, "join group")
	for {
		generation, err := members.Next(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			g.setState(Joining)
			trouble.report(fmt.Errorf("join group %s: %w", g.cfg.Group, err))
			// kafka-go has given its membership up, but for a rebalance. Who was
			// thrown out, or cut off as the owner, comes back as a newcomer: the one
			// that works meanwhile stays, and a member that keeps failing does not
			// own again each time it returns. A standby that waited in vain for a
			// rebalance keeps its place.
			lost := owned.Load() && !errors.Is(err, kafka.RebalanceInProgress)
			if lost || errors.Is(err, kafka.UnknownMemberId) {
				balancer.joins(time.Now())
				owned.Store(false)
			}
			continue
		}
		trouble.over()
		serving.Add(1)
		generation.Start(func(ended context.Context) {
			defer serving.Done()
			if len(ownedPartitions(generation)) > 0 {
				owned.Store(true)
			}
			if err := g.take(ctx, ended, generation, serve); err != nil {
				fatal = err
				stop()
			}
		})
	}
	// serve ends before the group is closed: closing stops the heartbeats, and a
	// call in flight needs its lease.
	serving.Wait()
	_ = members.Close() // always nil
	g.setState(Joining)
	return fatal
}

// take is one generation of this member, from the assignment to its end.
func (g *Group) take(run, ended context.Context, generation *kafka.Generation, serve func(context.Context, *Session) error) error {
	// A generation that is over before its function starts is not waited for,
	// so nothing may be done in it.
	if ended.Err() != nil {
		return nil
	}
	since := time.Now()
	ctx, cancel := context.WithCancelCause(run)
	defer cancel(nil)
	defer context.AfterFunc(ended, func() {
		cancel(fmt.Errorf("generation %d ended: %w", generation.ID, ErrNotOwner))
	})()

	var err error
	if owned := ownedPartitions(generation); len(owned) == 0 {
		g.setState(Standby)
		<-ctx.Done()
	} else {
		err = g.own(ctx, generation, owned, serve)
	}
	g.setState(Joining)
	if ctx.Err() != nil {
		err = nil // it was told to stop
	}
	if rest := minGeneration - time.Since(since); rest > 0 {
		sleep(run, rest)
	}
	return err
}

func ownedPartitions(generation *kafka.Generation) []offset.Partition {
	var owned []offset.Partition
	for topic, partitions := range generation.Assignments {
		for _, p := range partitions {
			owned = append(owned, offset.Partition{Topic: topic, ID: int32(p.ID)})
		}
	}
	return owned
}

func (g *Group) setState(s State) {
	if State(g.state.Swap(uint32(s))) == s {
		return
	}
	if g.cfg.OnState != nil {
		g.cfg.OnState(s)
	}
}
