package limiter

import (
	"math"
	"time"
)

// demand remembers what the calls of a day saved, and what those would have saved
// that could not be made, hour by hour.
type demand struct {
	hours  [24]demandHour
	opened [12]openedBatches
}

// demandHour is one hour, counted from the epoch.
type demandHour struct {
	hour   int64
	values [valueBins]int32 // calls by what they saved
}

// openedBatches is how many batches were opened in one slot of ten minutes.
type openedBatches struct {
	slot  int64
	count int32
}

// Values are told apart in steps of a fourth of a doubling, from 1/64 on.
const (
	valueBins = 96
	openSlot  = 10 * time.Minute
	// Of the hours that were seen, one of three but at most so many is taken for a
	// burst that does not come again.
	burstHours = 3
	// Before the first hour there were so many in which nothing came: what a few
	// minutes bring is not what a day brings.
	quietHours = 6
)

func binOf(value float64) int { return min(valueBins-1, max(0, int(4*(math.Log2(value)+6)))) }

// bottomOf is the least value of a bin.
func bottomOf(bin int) float64 { return math.Exp2(float64(bin)/4 - 6) }

// cell is the index in a ring of n, which holds for instants before the epoch too.
func cell(at, n int64) int64 { return (at%n + n) % n }

// saved tells of a call that saved so much, or would have.
func (d *demand) saved(at instant, value float64) {
	if value <= 0 {
		return
	}
	hour := int64(at) / int64(time.Hour)
	h := &d.hours[cell(hour, int64(len(d.hours)))]
	if h.hour != hour {
		*h = demandHour{hour: hour}
	}
	h.values[binOf(value)]++
}

// open tells of a new batch.
func (d *demand) open(at instant) {
	slot := int64(at) / int64(openSlot)
	o := &d.opened[cell(slot, int64(len(d.opened)))]
	if o.slot != slot {
		*o = openedBatches{slot: slot}
	}
	o.count++
}

// lately is how many batches were opened in the last two hours.
func (d *demand) lately(at instant) float64 {
	slot := int64(at) / int64(openSlot)
	n := 0.0
	for i := range d.opened {
		if o := &d.opened[i]; o.slot > slot-int64(len(d.opened)) && o.slot <= slot {
			n += float64(o.count)
		}
	}
	return n
}

// trust is how much of the forecast is not believed: it grows from nothing with
// the hours that were seen; and what makes calls cheap is not believed while more
// comes in than they could carry, nor where so few calls are to be had that the time
// looked back on would bring none of an even pace.
func (d *demand) trust(at instant, quota int) trust {
	up := hedgeHours / (hedgeHours + max(0, at.seconds()/3600))
	even := float64(quota) * (time.Duration(len(d.opened)) * openSlot).Hours() / 24
	pace := d.lately(at) / even
	busy := min(1, (pace-quietPace)/(busyPace-quietPace))
	return trust{up: up, down: max(0, busy, 1-even)}
}

// price is the least value at which the calls suffice for what is expected to be
// worth that: as many in an hour as the last day had, its busiest hours left out.
func (d *demand) price(at instant, have share) float64 {
	hour := int64(at) / int64(time.Hour)
	seen := min(int64(len(d.hours)), hour+1)
	var counts [24]float64 // of calls from the bin up
	days := min(24, quietHours+at.seconds()/3600) / 24
	left := int(min(burstHours, seen/3))
	spread := float64(seen) / float64(int(seen)-left) / days
	for bin := valueBins - 1; bin >= 0; bin-- {
		total := 0.0
		var top [burstHours]float64
		for i := range d.hours {
			h := &d.hours[i]
			if h.hour <= hour-int64(len(d.hours)) || h.hour > hour {
				continue
			}
			counts[i] += float64(h.values[bin])
			total += counts[i]
			for n, x := 0, counts[i]; n < left; n++ {
				if x > top[n] {
					x, top[n] = top[n], x
				}
			}
		}
		for _, x := range top {
			total -= x
		}
		if !have.suffices(total * spread) {
			return bottomOf(bin + 1)
		}
	}
	return 0
}
