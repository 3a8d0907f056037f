package bridge

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/pushapi/pushsim"
)

// strike makes one thing go wrong.
func (s *soak) strike(f soakFault) {
	cluster := s.w.broker.Cluster()
	s.counts["fault: "+f.Kind]++
	switch f.Kind {
	case "crash":
		s.strikeCrash(f)
	case "stop":
		if slot := s.slot(f.Slot); slot != nil {
			s.down(slot, false, f.For)
		}
	case "night":
		for _, slot := range s.slots {
			s.down(slot, f.Place == "crash", f.For)
		}
	case "network":
		if slot := s.slot(f.Slot); slot != nil && slot.inst != nil {
			to, state := toKafka, cut
			if strings.HasSuffix(f.Place, "api") {
				to = toAPI
			}
			if strings.HasPrefix(f.Place, "frozen") {
				state = silenced
			}
			wire := slot.inst.wire
			wire.set(to, state)
			s.forAWhile(f.For, func() { wire.set(to, whole) })
		}
	case "unwritable":
		dead := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: f.Place, Err: kerr.NotEnoughReplicas, Count: -1})
		s.forAWhile(f.For, dead.Remove)
	case "written all the same":
		fault := kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: f.Place, Err: kerr.RequestTimedOut, Count: f.N}
		if f.Place == "commit" {
			fault.Keys, fault.Topic = []kmsg.Key{kmsg.OffsetCommit}, ""
		}
		late := cluster.Fault(fault)
		s.forAWhile(f.For, late.Remove)
	case "commit refused":
		code, err := strconv.Atoi(f.Place)
		s.w.must(err)
		no := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.TypedErrorForCode(int16(code)), Count: f.N})
		s.forAWhile(f.For, no.Remove)
	case "broker gone":
		s.strikeBroker(f)
	case "leader moved":
		s.leadBy(f.N)
		s.troubled(time.Minute)
	case "coordinator moved":
		cluster.RehashCoordinators()
		s.troubled(time.Minute)
	case "topic anew":
		s.strikeTopic(f)
	case "retention passed":
		s.strikeRetention(f)
	case "rebalance storm":
		for n := range f.N {
			extra := &soakSlot{n: -1}
			s.later(f.For*time.Duration(n)/time.Duration(f.N), func() { extra.inst = s.launch(extra) })
			s.later(f.For*time.Duration(n+1)/time.Duration(f.N)+time.Second, func() {
				go extra.inst.leave()
			})
		}
		s.troubled(f.For + time.Minute)
	case "rules reloaded":
		for n := range f.N {
			s.later(f.For*time.Duration(n)/time.Duration(f.N), func() { s.reload(f.Place == "mapped anew") })
		}
	case "clock":
		s.slots[f.Slot].ahead.Add(int64(f.By))
	default:
		s.strikeAPI(f)
	}
}

// forAWhile takes something back after d.
func (s *soak) forAWhile(d time.Duration, end func()) {
	s.troubled(d + time.Minute)
	s.later(d, end)
}

func (s *soak) strikeAPI(f soakFault) {
	switch f.Kind {
	case "api refuses connections":
		if s.w.api != nil {
			s.w.refuseAPI()
			s.forAWhile(f.For, s.w.serveAPI)
		}
	case "api slow":
		// Delays of one call add up, and nobody promises anything of a request that
		// travels for longer than twice its timeout.
		if slices.ContainsFunc(s.w.sim.Faults(), func(x pushsim.Fault) bool { return x.Kind == pushsim.FaultDelay }) {
			return
		}
		s.w.must(s.w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultDelay, Delay: f.By, Count: f.N}))
	case "api lies":
		s.w.must(s.w.sim.Inject(apiFault(f)))
		s.troubled(2 * time.Hour) // an answer of 90047 or 90009 keeps calls back for an hour
	case "api clock":
		s.w.must(s.w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultSkew, Skew: f.By, Count: f.N}))
		s.troubled(2 * time.Hour)
	default:
		panic("soak: no fault of kind " + f.Kind)
	}
}

// reload gives every instance the same rules as another version.
func (s *soak) reload(again bool) {
	s.counts["reloads"]++
	text := fmt.Sprintf("%s# edition %d\n", s.ruleFile(), s.counts["reloads"])
	if again {
		s.counts["reloads: mapped anew"]++
		text = strings.Replace(text, "version: 1", "version: 1\nremap_pending: true", 1)
	}
	for _, slot := range s.slots {
		if slot.inst != nil {
			s.w.must(slot.inst.reload(text, slot.inst.bridge.cfg.Lanes[0].Terms))
		}
	}
}

// strikeCrash kills an instance, now or when it comes to a certain point.
func (s *soak) strikeCrash(f soakFault) {
	if f.Place == "now" {
		s.down(s.slots[f.Slot], true, f.For)
		return
	}
	s.trap.arm(f.Place, f.N, func() {
		// On a goroutine of the broker or the API; the wires have their own locks.
		for _, i := range s.w.running {
			if i.group.Writer() {
				i.wire.kill()
				i.stop()
			}
		}
	})
	s.watchTrap(f, time.Now().Add(20*time.Minute))
}

// watchTrap brings up again what the trap has killed.
func (s *soak) watchTrap(f soakFault, until time.Time) {
	for _, slot := range s.slots {
		if i := slot.inst; i != nil && i.wire.isDead() {
			s.counts["crash: "+f.Place]++
			s.down(slot, true, f.For)
		}
	}
	switch {
	case s.trap.idle():
	case time.Now().After(until):
		s.trap.disarm()
	default:
		s.quiet = true
		s.later(10*time.Second, func() { s.watchTrap(f, until) })
	}
}

// strikeBroker takes a broker away, or all of them.
func (s *soak) strikeBroker(f soakFault) {
	if f.Place == "all" {
		for _, slot := range s.slots {
			if slot.inst != nil {
				wire := slot.inst.wire
				wire.set(toKafka, cut)
				s.forAWhile(f.For, func() { wire.set(toKafka, whole) })
			}
		}
		return
	}
	cluster := s.w.broker.Cluster()
	if err := cluster.RemoveNode(int32(f.N)); err != nil {
		return // it is away already
	}
	for _, i := range s.w.running {
		i.wire.hangUp(net.JoinHostPort("localhost", strconv.Itoa(9092+f.N)))
	}
	s.leadBy(f.N + 1)
	s.forAWhile(f.For, func() {
		_, _, err := cluster.AddNode(int32(f.N), 9092+f.N)
		s.w.must(err)
		s.leadBy(f.N)
	})
}

// leadBy gives all partitions to a broker, or the next one that there is.
func (s *soak) leadBy(n int) {
	cluster := s.w.broker.Cluster()
	for topic, partitions := range map[string]int{inTopic: soakPartitions, journalTopic: 1, resultsTopic: 1, dlqTopic: 1} {
		for p := range partitions {
			for k := range soakBrokers {
				if cluster.MoveTopicPartition(topic, int32(p), int32((n+p+k)%soakBrokers)) == nil {
					break
				}
			}
		}
	}
}

// strikeTopic deletes the input topic and makes it anew.
func (s *soak) strikeTopic(f soakFault) {
	s.troubled(f.For + f.By + 10*time.Minute)
	s.w.must(s.w.broker.Cluster().DeleteTopic(inTopic))
	time.Sleep(f.For)
	s.w.must(s.w.broker.CreateTopic(inTopic, soakPartitions, nil))
	s.life++
	s.births = append(s.births, time.Now())
	time.Sleep(f.By)
}

// strikeRetention lets records go that nobody has read, while nobody can.
func (s *soak) strikeRetention(f soakFault) {
	for _, slot := range s.slots {
		s.down(slot, f.Place == "crash", f.For)
	}
	time.Sleep(30 * time.Second) // as long as they may take to stop
	s.emitBurst()
	for p := range soakPartitions {
		got, err := s.w.tryCommitted(p)
		at, end := got.CommittedOffset, s.w.end(inTopic, p)
		if err == nil && at >= 0 && at < end {
			err := s.w.broker.Cluster().DeleteRecords(inTopic, int32(p), at+(end-at)*int64(f.N)/100)
			if !errors.Is(err, kerr.OffsetOutOfRange) { // an earlier one let go of more
				s.w.must(err)
			}
		}
	}
}
