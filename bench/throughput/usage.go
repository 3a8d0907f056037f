//go:build unix

package main

import (
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// usage is what one process cost.
type usage struct {
	cpu  time.Duration // user and system
	peak int64         // bytes of memory held at once
	wall time.Duration // from the first fetch to the last event's end; 0 where idle
}

func usageOf(p *os.ProcessState) usage {
	u := usage{cpu: p.UserTime() + p.SystemTime()}
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		u.peak = r.Maxrss << 10
		if runtime.GOOS == "darwin" {
			u.peak = r.Maxrss // which counts in bytes, where others count in KiB
		}
	}
	return u
}

// less returns u without what the idle run of the same program cost. Memory
// stays: it is what the process needs.
func (u usage) less(idle usage) usage {
	u.cpu = max(0, u.cpu-idle.cpu)
	return u
}

// middle returns the median and the largest of the values that of takes out of
// the runs.
func middle[T ~int64 | ~float64](runs []usage, of func(usage) T) (median, worst T) {
	values := make([]T, len(runs))
	for i, u := range runs {
		values[i] = of(u)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2, values[n-1]
}
