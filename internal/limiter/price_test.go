package limiter

import "testing"

// Promise: budget. Where both answers are the floor, so is the price: what is worth less
// is admitted at one instant as at the next, and nobody need wake for it.
func TestTwoEqualAnswersAreThePrice(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for up := 0.01; up < 1; up += 0.01 {
		for down := 0.01; down < 1; down += 0.01 {
			if got := (trust{up: up, down: down}).join(admitFloor, admitFloor); got != admitFloor {
				t.Fatalf("trust %v, %v: %v, want %v", up, down, got, admitFloor)
			}
		}
	}
}
