package simulate

import (
	"testing"
)

// BenchmarkRun is mapping, scheduling and counting of events that are decoded
// already. It prints events/s.
func BenchmarkRun(b *testing.B) {
	c := testConfig(b)
	events := days(b, 100_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Run(c, stream(events)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
}
