package intent

import "time"

// Terms are what one lane's calls are bound to: the API's limits for the app,
// and how its owner wants the calls shared.
type Terms struct {
	Calls    int           // the quota: calls in every window
	Interval time.Duration // a call starts more than this after the response to the one before it
	// Day is the zone whose calendar day is the window; nil: every 24 hours, which
	// no boundary of the API's can break.
	Day *time.Location
	// Reserve is how many calls of a window only critical may use; AutoReserve: as
	// many as the critical demand seen so far asks for.
	Reserve int
	Pools   []Pool
}

// AutoReserve lets the reserve follow the critical demand.
const AutoReserve = -1

// Pool is a team's share of the calls of a window.
type Pool struct {
	Name    string
	AtLeast int  // floor: calls that no other pool may use; 0: none
	AtMost  int  // ceiling; 0: none
	Borrow  bool // beyond the ceiling it may go on while calls are plenty for all
}
