package bridge

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/pushapi"
)

// deadlines notes what each call was told about when it must be over.
type deadlines struct {
	Pusher
	left []time.Duration
}

func (d *deadlines) Push(ctx context.Context, r pushapi.Request) pushapi.Outcome {
	if at, ok := ctx.Deadline(); ok {
		d.left = append(d.left, time.Until(at))
	}
	return d.Pusher.Push(ctx, r)
}

// The lease counts from when the fence began, not from its answer; one that was
// answered after more than a second renewed too little, and is tried again.
func TestLeaseRunsFromTheStartOfTheFence(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	for name, tt := range map[string]struct {
		delay  time.Duration // of the first fence's answer
		fences int
		left   time.Duration // for the call, whose own deadline is 10 s
	}{
		"at once":       {fences: 1, left: 11 * time.Second},
		"slow":          {delay: 900 * time.Millisecond, fences: 1, left: 10100 * time.Millisecond},
		"a second":      {delay: time.Second, fences: 1, left: 10 * time.Second},
		"over a second": {delay: 1001 * time.Millisecond, fences: 2, left: 11 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				spy := &deadlines{Pusher: i.bridge.cfg.Lanes[0].Pusher}
				i.bridge.cfg.Lanes[0].Pusher = spy
				fences := 0
				w.broker.Cluster().ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
					w.broker.Cluster().KeepControl()
					if len(spy.left) > 0 {
						return nil, nil, false
					}
					if fences++; fences == 1 {
						w.broker.Cluster().SleepControl(func() { time.Sleep(tt.delay) })
					}
					return nil, nil, false
				})
				w.emit(promo("sale", "gold"))
				sleep(time.Minute)
				if fences != tt.fences || len(spy.left) != 1 || spy.left[0] != tt.left {
					t.Errorf("%d fences, then a call with %v left; want %d, %v", fences, spy.left, tt.fences, tt.left)
				}
				w.wantReceived(map[string]int{"ann": 1})
			})
		})
	}
}
