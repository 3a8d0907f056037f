// Package devkafka is an embedded Kafka broker, for the demo and for tests. It
// imports nothing of ours.
//
// It is kfake, which speaks Kafka's protocol and keeps topics, groups and
// offsets, on disk if asked. It is never a broker to run the bridge on in
// earnest: it has no replicas and its groups are simpler than Kafka's (no
// initial rebalance delay, other error codes in corners). What must hold on
// Kafka is tested on Kafka.
//
// Whoever starts a Broker owns it and closes it.
package devkafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// User may log in by SASL.
type User struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	Name      string
	Password  string
}

// Config says what to start. The zero Config is one broker without topics, in
// memory, on a free port of the loopback interface.
type Config struct {
	Brokers int              // 0: as many as Ports, or one
	Ports   []int            // one a broker; empty: free ones
	Topics  map[string]int32 // name to number of partitions; existing ones are left alone
	Users   []User           // empty: no login
	TLS     *tls.Config      // nil: none

	// DataDir keeps everything on disk, and is read back at the next start; every
	// write is synced, so that it survives a kill. Empty: in memory.
	DataDir string

	// MinSession is the shortest session timeout that a group may ask for; 0:
	// 100 ms, so that tests need not wait for Kafka's default of 6 s.
	MinSession time.Duration

	// Network carries the brokers of StartVirtual; nil: a new one. Start ignores
	// it.
	Network *kfake.VirtualNetwork
}

// Broker is a running cluster.
type Broker struct {
	cluster *kfake.Cluster
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// Start starts the cluster on the loopback interface.
func Start(cfg Config) (*Broker, error) {
	return start(cfg, func(network, address string) (net.Listener, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		// kfake would listen on all interfaces.
		return net.Listen(network, net.JoinHostPort("127.0.0.1", port))
	}, (&net.Dialer{}).DialContext)
}

// firstVirtualPort is what the first broker of a virtual network listens on.
const firstVirtualPort = 9092

// StartVirtual starts the cluster on a network that exists only in memory, so
// that it runs in a bubble of testing/synctest. It is reached only by Dial. There
// alone message.timestamp.type=LogAppendTime is honoured.
func StartVirtual(cfg Config) (*Broker, error) {
	if cfg.Network == nil {
		cfg.Network = new(kfake.VirtualNetwork)
	}
	if len(cfg.Ports) == 0 {
		// The virtual network does not choose ports.
		for i := range max(1, cfg.Brokers) {
			cfg.Ports = append(cfg.Ports, firstVirtualPort+i)
		}
	}
	b, err := start(cfg, cfg.Network.Listen, cfg.Network.DialContext)
	if err != nil {
		return nil, err
	}
	stampAppends(b.cluster)
	return b, nil
}

type (
	listenFunc func(network, address string) (net.Listener, error)
	dialFunc   func(ctx context.Context, network, address string) (net.Conn, error)
)

func start(cfg Config, listen listenFunc, dial dialFunc) (*Broker, error) {
	brokers := cfg.Brokers
	if brokers == 0 {
		brokers = max(1, len(cfg.Ports))
	}
	if cfg.MinSession == 0 {
		cfg.MinSession = 100 * time.Millisecond
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(brokers),
		kfake.ListenFn(listen),
		kfake.GroupMinSessionTimeout(cfg.MinSession),
	}
	if len(cfg.Ports) > 0 {
		if len(cfg.Ports) != brokers {
			return nil, fmt.Errorf("start embedded kafka: %d ports for %d brokers", len(cfg.Ports), brokers)
		}
		opts = append(opts, kfake.Ports(cfg.Ports...))
	}
	for _, topic := range slices.Sorted(maps.Keys(cfg.Topics)) {
		opts = append(opts, kfake.SeedTopics(cfg.Topics[topic], topic))
	}
	if len(cfg.Users) > 0 {
		opts = append(opts, kfake.EnableSASL())
	}
	for _, u := range cfg.Users {
		opts = append(opts, kfake.Superuser(u.Mechanism, u.Name, u.Password))
	}
	if cfg.TLS != nil {
		opts = append(opts, kfake.TLS(cfg.TLS))
	}
	if cfg.DataDir != "" {
		opts = append(opts, kfake.DataDir(cfg.DataDir), kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start embedded kafka: %w", err)
	}
	return &Broker{cluster: cluster, dial: dial}, nil
}

// Addrs returns host:port of every broker.
func (b *Broker) Addrs() []string { return b.cluster.ListenAddrs() }

// Dial connects to a broker, over whichever network the cluster is on.
func (b *Broker) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return b.dial(ctx, network, address)
}

// Cluster returns the cluster itself, where tests inject faults, move leaders
// and compact logs.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// CreateTopic adds a topic with settings such as cleanup.policy.
func (b *Broker) CreateTopic(name string, partitions int32, settings map[string]string) error {
	if partitions < 1 {
		return errors.New("create topic " + name + ": at least one partition")
	}
	if err := b.cluster.CreateTopic(name, partitions, settings); err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// Close ends the cluster and every connection to it.
func (b *Broker) Close() { b.cluster.Close() }
