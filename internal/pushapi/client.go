package pushapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which app of the API is called, and how. Zero durations and
// numbers take the default beside them.
type Config struct {
	Region string // one of Regions; this or URL
	URL    string // scheme and host, for any other domain; this or Region

	Credentials Credentials
	Lifetime    time.Duration // of a signature; 24h

	Timeout         time.Duration // of a whole call; 10s, the backend gives up after 3 s
	Interval        time.Duration // pause after 90024; 1.1s
	MaxRequestBytes int           // 8000; the API refuses more than 10 K, older revisions 8 K
	BreakerFailures uint32        // calls in a row ending in retry or doubt that open the breaker; 5
	BreakerOpen     time.Duration // how long it stays open; 1m

	CAFile string   // PEM file of authorities to trust instead of the system's
	Dial   DialFunc // replaces the network, proxies included; nil: TCP, by way of HTTPS_PROXY

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: metrics are not shown
	Random     func() uint32         // numbers calls and spreads retries; nil: math/rand/v2
}

// Client makes calls.
type Client struct {
	cfg       Config
	endpoint  string // with the query up to the signature
	transport *http.Transport
	breaker   *breaker
	metrics   *metrics

	mu     sync.Mutex
	signer signer
	streak streak
}

// New checks the configuration. Nothing is dialled.
func New(cfg Config) (*Client, error) {
	u, err := endpoint(cfg.Region, cfg.URL)
	if cfg.Credentials.SDKAppID == 0 {
		err = errors.Join(err, errors.New("push sdkappid: not set"))
	}
	if cfg.Credentials.Identifier == "" || strings.ContainsAny(cfg.Credentials.Identifier, "\r\n\x00") {
		err = errors.Join(err, fmt.Errorf("push identifier %q: want one line of text", cfg.Credentials.Identifier))
	}
	if cfg.Credentials.Key.reveal() == "" {
		err = errors.Join(err, errors.New("push secret key: not set"))
	}
	cfg = withDefaults(cfg)
	if cfg.Lifetime < time.Minute || min(cfg.Timeout, cfg.Interval, cfg.BreakerOpen) <= 0 || cfg.MaxRequestBytes <= 0 {
		err = errors.Join(err, errors.New("push lifetime, timeout, interval, breaker or request size: want a minute or more, and more than 0"))
	}
	transport, terr := newTransport(cfg.CAFile, cfg.Dial, cfg.Timeout)
	if err = errors.Join(err, terr); err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg,
		endpoint: fmt.Sprintf("%s?sdkappid=%d&identifier=%s&contenttype=json&usersig=",
			u, cfg.Credentials.SDKAppID, url.QueryEscape(cfg.Credentials.Identifier)),
		transport: transport,
		breaker:   newBreaker(cfg.BreakerFailures, cfg.BreakerOpen),
		signer:    signer{credentials: cfg.Credentials, lifetime: cfg.Lifetime},
	}
	if c.metrics, err = newMetrics(cfg.Registerer, c.breaker); err != nil {
		return nil, fmt.Errorf("register push metrics: %w", err)
	}
	return c, nil
}

// Push makes at most one HTTP request and says how it ended. It does not wait
// before it and does not repeat it. It makes none where the request is illegal,
// the breaker is open or ctx has ended; cancelling ctx during the request leaves
// it in doubt.
func (c *Client) Push(ctx context.Context, r Request) Outcome {
	started := time.Now()
	body, err := c.encode(r)
	if err != nil {
		return Outcome{
			Class: ClassReject, Err: &Error{Class: ClassReject, Err: err},
			Started: started, Ended: started, SafeAfter: started,
		}
	}
	report, err := c.breaker.two.Allow()
	if err != nil {
		return c.refused(started)
	}
	before, _ := c.breaker.state()
	sig := c.signature(started)
	x := c.call(ctx, sig, body)
	o := c.judge(ctx, x, sig)
	o.Started = started

	// A nil *Error in an error is not nil.
	if o.Err == nil {
		report(nil)
	} else {
		report(o.Err)
	}
	c.metrics.calls.WithLabelValues(o.Class.String()).Inc()
	c.metrics.duration.Observe(o.Ended.Sub(started).Seconds())
	after, until := c.breaker.state()
	if after == BreakerOpen {
		o.RetryAfter = max(o.RetryAfter, until.Sub(o.Ended))
	}
	c.tell(ctx, before, after)
	return o
}

// Breaker returns the breaker's state now, and for BreakerOpen the instant from
// which one call is let through.
func (c *Client) Breaker() (BreakerState, time.Time) { return c.breaker.state() }

// Close drops kept connections. A call under way is not disturbed.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (c *Client) encode(r Request) ([]byte, error) {
	body, err := r.Encode()
	if err == nil && len(body) > c.cfg.MaxRequestBytes {
		err = fmt.Errorf("encode push request: %d bytes, allowed %d: %w", len(body), c.cfg.MaxRequestBytes, ErrTooLarge)
	}
	return body, err
}

func (c *Client) signature(now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.signer.at(now)
}

func (c *Client) call(ctx context.Context, sig string, body []byte) exchange {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	// The signature's alphabet needs no escaping, and url.Values would change its
	// '*', which not every decoder changes back.
	x := post(limited, c.transport, c.endpoint+sig+"&random="+strconv.FormatUint(uint64(c.cfg.Random()), 10), body)
	if x.err != nil && !x.sent && ctx.Err() != nil {
		x.err = errCallerLeft
	}
	return x
}

// tell logs what the call did to the breaker.
func (c *Client) tell(ctx context.Context, before, after BreakerState) {
	switch {
	case before == after:
	case after == BreakerOpen:
		c.cfg.Logger.WarnContext(ctx, "breaker opened: calls keep failing", "for", c.cfg.BreakerOpen)
	case after == BreakerClosed:
		c.cfg.Logger.InfoContext(ctx, "breaker closed: a call succeeded")
	}
}

func withDefaults(cfg Config) Config {
	orDuration := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	orDuration(&cfg.Lifetime, 24*time.Hour)
	orDuration(&cfg.Timeout, 10*time.Second)
	orDuration(&cfg.Interval, 1100*time.Millisecond)
	orDuration(&cfg.BreakerOpen, time.Minute)
	if cfg.MaxRequestBytes == 0 {
		cfg.MaxRequestBytes = 8000
	}
	if cfg.BreakerFailures == 0 {
		cfg.BreakerFailures = 5
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Random == nil {
		cfg.Random = rand.Uint32
	}
	return cfg
}
