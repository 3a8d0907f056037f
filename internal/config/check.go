package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// mechanisms are the SASL mechanisms that can be asked for.
var mechanisms = []string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// check finds what a variable's type cannot.
func (c *Config) check() []*Error {
	var p problems
	for _, list := range [][]string{c.Kafka.Brokers, c.Kafka.Topics} {
		for i := range list { // "a, b" reads as " b"
			list[i] = strings.TrimSpace(list[i])
		}
	}
	if slices.Contains(c.Kafka.Topics, "") {
		p.add("KAFKA_TOPICS", "%q: a name between the commas is empty", strings.Join(c.Kafka.Topics, ","))
	}
	for _, b := range c.Kafka.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			p.add("KAFKA_BROKERS", "%q: want host:port", b)
		}
	}
	if !slices.Contains(mechanisms, c.Kafka.SASLMechanism) {
		p.add("KAFKA_SASL_MECHANISM", "%q: want one of %s", c.Kafka.SASLMechanism, strings.Join(mechanisms[1:], ", "))
	}
	if c.Kafka.SASLMechanism != "" {
		if c.Kafka.SASLUsername == "" {
			p.add("KAFKA_SASL_USERNAME", "required with BRIDGE_KAFKA_SASL_MECHANISM")
		}
		if c.Kafka.SASLPassword.IsEmpty() {
			p.add("KAFKA_SASL_PASSWORD", "required with BRIDGE_KAFKA_SASL_MECHANISM")
		}
	}
	if (c.Kafka.TLSCertFile == "") != (c.Kafka.TLSKeyFile == "") {
		p.add("KAFKA_TLS_CERT_FILE", "and BRIDGE_KAFKA_TLS_KEY_FILE go together: set both or neither")
	}
	own := []string{c.Kafka.ResultsTopic, c.Kafka.DLQTopic, c.Kafka.JournalTopic, c.Kafka.ReplayTopic}
	for i, t := range own {
		name := []string{"KAFKA_RESULTS_TOPIC", "KAFKA_DLQ_TOPIC", "KAFKA_JOURNAL_TOPIC", "KAFKA_REPLAY_TOPIC"}[i]
		if slices.Contains(c.Kafka.Topics, t) {
			p.add(name, "%q is in BRIDGE_KAFKA_TOPICS too: the bridge would read what it writes", t)
		}
		if slices.Contains(own[:i], t) {
			p.add(name, "%q is used for two purposes: give each a topic of its own", t)
		}
	}
	p.lasting(
		namedDuration{"KAFKA_SESSION_TIMEOUT", c.Kafka.SessionTimeout}, namedDuration{"KAFKA_REBALANCE_TIMEOUT", c.Kafka.RebalanceTimeout},
		namedDuration{"KAFKA_HEARTBEAT_INTERVAL", c.Kafka.HeartbeatInterval}, namedDuration{"KAFKA_TIMEOUT", c.Kafka.Timeout},
	)
	c.checkPush(&p, "PUSH_", c.Push)
	p.lasting(namedDuration{"DEDUP_WINDOW", c.Pipeline.DedupWindow}, namedDuration{"STOP_WITHIN", c.StopWithin})
	if c.Pipeline.Settle < 0 {
		p.add("SETTLE", "%v: want 0 or more", c.Pipeline.Settle)
	}
	p.positive("MAX_PENDING", c.Pipeline.MaxPending)
	p.positive("MAX_EVENT_BYTES", c.Pipeline.MaxEventBytes)
	p.positive("DEDUP_MAX", c.Pipeline.DedupMax)
	if c.LogFormat != "json" && c.LogFormat != "text" {
		p.add("LOG_FORMAT", "%q: want json or text", c.LogFormat)
	}
	return p
}

// checkPush looks at one app; before is what its variables begin with, after
// Prefix.
func (c *Config) checkPush(p *problems, before string, push Push) {
	switch {
	case push.Region == "" && push.URL == "":
		p.add(before+"REGION", "required and not set: name a region, or give %s", Prefix+before+"URL")
	case push.Region != "" && push.URL != "":
		p.add(before+"REGION", "%s is set too: keep one", Prefix+before+"URL")
	case push.URL != "":
		u, err := url.Parse(push.URL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.User != nil {
			p.add(before+"URL", "want http(s)://host[:port], without a query or credentials")
		}
	}
	if push.SDKAppID == 0 {
		p.add(before+"SDKAPPID", "0: want the app's id")
	}
	if push.Dialect != "chat" {
		p.add("PUSH_DIALECT", "%q: want chat", push.Dialect)
	}
	p.positive(before+"QUOTA", push.Quota)
	if push.MaxBytes < 1000 || push.MaxBytes > 10_240 {
		p.add("PUSH_MAX_REQUEST_BYTES", "%d: want 1000 to 10240", push.MaxBytes)
	}
	if push.BreakAfter == 0 {
		p.add(before+"BREAKER_FAILURES", "0: want 1 or more")
	}
	p.lasting(
		namedDuration{before + "INTERVAL", push.Interval}, namedDuration{before + "TIMEOUT", push.CallTimeout},
		namedDuration{before + "BREAKER_OPEN", push.BreakFor},
	)
	if push.Margin < 0 {
		p.add(before+"MARGIN", "%v: want 0 or more", push.Margin)
	}
	c.checkLease(p, before+"TIMEOUT", push.CallTimeout)
}

// leaseSlack is what a call needs beside its own deadline: a second for the fence
// before it, and one to spare.
const leaseSlack = 2 * time.Second

// checkLease sees that a call ends before the group can have given the partitions
// to another: the fence renews the session, and a rebalance that was under way
// then began no earlier than the heartbeat before it.
func (c *Config) checkLease(p *problems, name string, call time.Duration) {
	k := &c.Kafka
	if min(k.SessionTimeout, k.RebalanceTimeout, k.HeartbeatInterval, k.Timeout, call) <= 0 {
		return // said already
	}
	session, rebalance := k.SessionTimeout, k.RebalanceTimeout-k.HeartbeatInterval-k.Timeout
	need := call + leaseSlack
	if need >= session {
		p.add(name, "%v plus %v must be under %v, which is BRIDGE_KAFKA_SESSION_TIMEOUT: two instances could call at once"+
			" (shorten the call to under %v, or lengthen the session to over %v)", call, leaseSlack, session, session-leaseSlack, need)
	}
	if need >= rebalance {
		p.add(name, "%v plus %v must be under %v, which is BRIDGE_KAFKA_REBALANCE_TIMEOUT less BRIDGE_KAFKA_HEARTBEAT_INTERVAL and BRIDGE_KAFKA_TIMEOUT:"+
			" two instances could call at once (shorten the call to under %v, or lengthen the rebalance to over %v)",
			call, leaseSlack, rebalance, max(0, rebalance-leaseSlack), need+k.HeartbeatInterval+k.Timeout)
	}
	if k.HeartbeatInterval*2 >= session {
		p.add("KAFKA_HEARTBEAT_INTERVAL", "%v must be under half of BRIDGE_KAFKA_SESSION_TIMEOUT, which is %v: one lost heartbeat would cost the partitions", k.HeartbeatInterval, session)
	}
}

type problems []*Error

func (p *problems) add(name, format string, args ...any) {
	*p = append(*p, &Error{Prefix + name, fmt.Sprintf(format, args...)})
}

func (p *problems) positive(name string, n int) {
	if n <= 0 {
		p.add(name, "%d: want 1 or more", n)
	}
}

// namedDuration is what a variable says, its name without Prefix.
type namedDuration struct {
	name string
	d    time.Duration
}

func (p *problems) lasting(durations ...namedDuration) {
	for _, v := range durations {
		if v.d <= 0 {
			p.add(v.name, "%v: want more than 0", v.d)
		}
	}
}
