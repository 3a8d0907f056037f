package pushsim

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// App is one app of the API, with its own users, budget and tasks.
type App struct {
	SDKAppID  uint32
	SecretKey string   // verifies UserSigs; as text, never decoded
	Admins    []string // identifiers that may call; at least one

	Disabled    bool           // every call is refused with 60016
	PlanExpired bool           // every call is refused with 60020
	PushOff     bool           // every push is refused with 90045
	AllowedIPs  []netip.Prefix // callers outside are refused with 60021; empty: everyone may call
}

// Config says what the simulator serves and how it reads what the page leaves
// open. The zero value of every field but Apps is the documented default.
type Config struct {
	Apps []App

	Interval time.Duration // between two pushes, exclusive; 0: 1 s, negative: none
	Quota    int           // pushes a window; 0: 100, negative: no limit
	Window   QuotaWindow   // 0: Rolling
	Zone     *time.Location
	Counting Counting // 0: CountAccepted
	// BudgetFirst judges interval and quota before the body. Which comes first
	// is documented nowhere.
	BudgetFirst bool

	Rate              int           // users a second for OnlineOnlyFlag 0; 0: 200
	DedupWindow       time.Duration // a repeated MsgRandom is dropped for so long; 0: 1 s, as the page says; 7 days as an older one says
	StrictCondition   bool          // an empty Condition is 90010 and not everyone
	MaxBodyBytes      int           // of a push; 0: 10,240, above: 90056
	RequestsPerSecond int           // of an app, all endpoints; 0: 200, above: 60007; negative: no limit
	LockAfter         int           // bad UserSigs of one account within a minute; 0: 10, then 70050 for a minute

	// Keep is how long a call, its task and its deliveries stay in the log; 0: for
	// ever, otherwise 7 days or more, which is as long as the API itself remembers
	// anything. Summary goes on counting what the log has lost.
	Keep time.Duration

	Faults []Fault // as if handed to Inject before the first call
}

// complete returns c with its defaults, or every mistake in it.
func (c Config) complete() (Config, error) {
	setDefault(&c.Interval, time.Second)
	setDefault(&c.Quota, 100)
	setDefault(&c.Window, Rolling)
	setDefault(&c.Counting, CountAccepted)
	setDefault(&c.Rate, 200)
	setDefault(&c.DedupWindow, time.Second)
	setDefault(&c.MaxBodyBytes, 10<<10)
	setDefault(&c.RequestsPerSecond, 200)
	setDefault(&c.LockAfter, 10)
	if c.Zone == nil {
		c.Zone = time.FixedZone("UTC+8", 8*60*60) // the operator's home, the likeliest day of all
	}
	var errs []error
	if len(c.Apps) == 0 {
		errs = append(errs, errors.New("no app"))
	}
	for i, a := range c.Apps {
		switch {
		case a.SDKAppID == 0 || a.SecretKey == "" || len(a.Admins) == 0:
			errs = append(errs, fmt.Errorf("app %d: needs an sdkappid, a secret key and an administrator", i))
		case slices.ContainsFunc(c.Apps[:i], func(b App) bool { return b.SDKAppID == a.SDKAppID }):
			errs = append(errs, fmt.Errorf("app %d: sdkappid %d is there twice", i, a.SDKAppID))
		case slices.ContainsFunc(a.Admins, func(id string) bool { return !validUserID(id) }):
			errs = append(errs, fmt.Errorf("app %d: an administrator is no user id (1 to 32 letters, digits, _ or -)", i))
		}
	}
	if c.Rate < 0 || c.DedupWindow < 0 || c.MaxBodyBytes < 0 || c.LockAfter < 0 {
		errs = append(errs, errors.New("rate, dedup window, body size and lock must not be negative"))
	}
	if c.Keep != 0 && (c.Keep < uniqueFor || c.Keep < c.DedupWindow) {
		errs = append(errs, fmt.Errorf("the log is kept for %v: want %v, the dedup window or more, or 0", c.Keep, uniqueFor))
	}
	if c.Window > Calendar || c.Counting > CountAll {
		errs = append(errs, errors.New("unknown quota window or counting"))
	}
	return c, errors.Join(errs...)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server is the API and its memory. It is an [http.Handler] for the API's own
// paths and for the operator's under /sim/.
type Server struct {
	cfg Config
	sim *http.ServeMux

	mu       sync.Mutex // held for one judgement or one reading, never across I/O or sleep
	apps     map[uint32]*app
	numbers  map[string]int // requests so far, by endpoint
	faults   []Fault        // with From resolved
	calls    []*Call
	randoms  map[randomKey]firstUse
	reuses   []Reuse
	attempts map[uint32]*busiest // when authentic pushes were judged, by app
	lost     lostCalls
	swept    time.Time // when forget last looked at everything
}

// app is one app's state. Server.mu guards all of it.
type app struct {
	App
	rate     int
	budget   budget
	badSigs  map[string]badSigs
	requests perSecond

	population
	tasks       []*task // in the order of acceptance
	accepts     lostTasks
	queue       []*task // the stored ones
	byID        map[string]*task
	lastOf      map[uint32]*task // by MsgRandom
	lastRevoke  time.Time
	lastReports time.Time // of the statistics endpoint
}

// New returns a Server with the apps of cfg and no users, or every mistake in
// cfg.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, fmt.Errorf("simulate the push API: %w", err)
	}
	s := &Server{
		cfg:      cfg,
		apps:     make(map[uint32]*app),
		numbers:  make(map[string]int),
		randoms:  make(map[randomKey]firstUse),
		attempts: make(map[uint32]*busiest),
		lost:     lostCalls{codes: make(map[int]int)},
	}
	for _, a := range cfg.Apps {
		s.attempts[a.SDKAppID] = new(busiest)
		s.apps[a.SDKAppID] = &app{
			App: a, rate: cfg.Rate,
			budget:     budget{interval: cfg.Interval, quota: cfg.Quota, window: cfg.Window, zone: cfg.Zone},
			badSigs:    make(map[string]badSigs),
			population: newPopulation(),
			byID:       make(map[string]*task),
			lastOf:     make(map[uint32]*task),
		}
	}
	s.sim = s.simMux()
	if err := s.Inject(cfg.Faults...); err != nil {
		return nil, fmt.Errorf("simulate the push API: %w", err)
	}
	return s, nil
}
