package consume

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// soleOwner gives every partition to the member that joined first, so that
// newcomers never displace the owner and the next oldest takes over. Clocks
// that differ between machines change who owns, not that only one does.
type soleOwner struct {
	joined atomic.Int64 // Unix time in nanoseconds
}

var _ kafka.GroupBalancer = (*soleOwner)(nil)

// joins makes this member the newest of the group, as of now.
func (b *soleOwner) joins(now time.Time) { b.joined.Store(now.UnixNano()) }

// ProtocolName is in the join request; a member with any other balancer is
// refused by the coordinator.
func (*soleOwner) ProtocolName() string { return "sole-owner" }

// UserData is the time of joining in nanoseconds, eight bytes, big-endian: their
// order as bytes is the order in time.
func (b *soleOwner) UserData() ([]byte, error) {
	return binary.BigEndian.AppendUint64(nil, uint64(b.joined.Load())), nil
}

// AssignGroups gives all to the oldest. A member whose user data is not ours
// counts as newest, so that it cannot take over by accident.
func (*soleOwner) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	assigned := make(kafka.GroupMemberAssignments, len(members))
	if len(members) == 0 {
		return assigned
	}
	for _, m := range members {
		assigned[m.ID] = map[string][]int{}
	}
	owner := slices.MinFunc(members, func(a, b kafka.GroupMember) int {
		foreignA, foreignB := len(a.UserData) != 8, len(b.UserData) != 8
		switch {
		case foreignA && !foreignB:
			return 1
		case foreignB && !foreignA:
			return -1
		}
		return cmp.Or(bytes.Compare(a.UserData, b.UserData), cmp.Compare(a.ID, b.ID))
	})
	for _, p := range partitions {
		assigned[owner.ID][p.Topic] = append(assigned[owner.ID][p.Topic], p.ID)
	}
	return assigned
}
