package consume

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
)

func TestSoleOwner(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	started := func(seconds int64) []byte {
		b := new(soleOwner)
		b.joins(time.Unix(seconds, 0))
		data, err := b.UserData()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	partitions := []kafka.Partition{{Topic: "a", ID: 0}, {Topic: "a", ID: 1}, {Topic: "b", ID: 0}}
	all := map[string][]int{"a": {0, 1}, "b": {0}}

	for name, tt := range map[string]struct {
		members []kafka.GroupMember
		owner   string
	}{
		"alone":                        {members: []kafka.GroupMember{{ID: "x", UserData: started(9)}}, owner: "x"},
		"the oldest":                   {members: []kafka.GroupMember{{ID: "x", UserData: started(300)}, {ID: "y", UserData: started(2)}, {ID: "z", UserData: started(70000)}}, owner: "y"},
		"at once: by id":               {members: []kafka.GroupMember{{ID: "y", UserData: started(5)}, {ID: "x", UserData: started(5)}}, owner: "x"},
		"strange user data is newest":  {members: []kafka.GroupMember{{ID: "x"}, {ID: "y", UserData: started(9)}, {ID: "z", UserData: []byte("0")}}, owner: "y"},
		"only strange ones: by id too": {members: []kafka.GroupMember{{ID: "y"}, {ID: "x"}}, owner: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			want := kafka.GroupMemberAssignments{}
			for _, m := range tt.members {
				want[m.ID] = map[string][]int{}
			}
			want[tt.owner] = all
			if diff := cmp.Diff(want, new(soleOwner).AssignGroups(tt.members, partitions)); diff != "" {
				t.Errorf("assignments (-want +got):\n%s", diff)
			}
		})
	}
	if got := new(soleOwner).AssignGroups(nil, partitions); len(got) != 0 {
		t.Errorf("nobody got %v", got)
	}
}
