package main

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/pushapi/pushsim"
)

// pushsimFlags is what the operator of a simulator chooses.
type pushsimFlags struct {
	addr       string
	sdkappid   uint32
	secretKey  string
	identifier string
	users      int
	seed       uint64
	quota      int
	interval   time.Duration
	quotaZone  string
	keep       time.Duration
	tls        bool
	tlsCAOut   string
}

// newPushsimCmd returns `bridge pushsim`: the push API on this machine, for
// trying rules and rehearsing failures without spending a call.
func newPushsimCmd() *cobra.Command {
	var f pushsimFlags
	cmd := &cobra.Command{
		Use:   "pushsim",
		Short: "Serve a simulated push API on this machine",
		Long: `Serve the push API locally: users with tags and attributes, verified
signatures, the interval and the quota, deliveries, recall, and faults on demand.

Who received what is under /sim/: GET /sim/summary, /sim/calls, /sim/tasks,
/sim/deliveries?task=ID, /sim/users, /sim/users/ID. Faults are a JSON array:

  curl -d '[{"kind":"code","code":91000,"count":3}]' http://ADDR/sim/faults

Kinds: code, status, garbage, reset, close, stall, delay, skew; "after": true lets
the push be done first, so that its caller is left in doubt. /sim/ asks for no
signature: keep the address on a loopback interface.`,
		Example: "  bridge pushsim --users 2000 --quota 100",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return servePushsim(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "127.0.0.1:8380", "address to listen on")
	flags.Uint32Var(&f.sdkappid, "sdkappid", 1400000000, "the app's id")
	flags.StringVar(&f.secretKey, "secret-key", "", "the app's secret key (default: a new random one, printed)")
	flags.StringVar(&f.identifier, "identifier", "administrator", "the app's administrator")
	flags.IntVar(&f.users, "users", 2000, "users with tags and attributes to start with")
	flags.Uint64Var(&f.seed, "seed", 1, "seed that the users are drawn from")
	flags.IntVar(&f.quota, "quota", 100, "pushes in a day; negative: no limit")
	flags.DurationVar(&f.interval, "interval", time.Second, "shortest time between two pushes, exclusive; negative: none")
	flags.StringVar(&f.quotaZone, "quota-zone", "", "count the quota by calendar days of this time zone (default: any 24 hours)")
	flags.DurationVar(&f.keep, "keep", 14*24*time.Hour, "how long calls stay in the log, a week or more; 0: for ever")
	flags.BoolVar(&f.tls, "tls", false, "serve HTTPS with a certificate made at start")
	flags.StringVar(&f.tlsCAOut, "tls-ca-out", "", "with --tls: write the certificate that clients must trust to this file")
	return cmd
}

// check returns what no package below could say in the flags' words.
func (f pushsimFlags) check() error {
	var errs []error
	if f.quota == 0 {
		errs = append(errs, errors.New("read --quota: 0 would refuse every push (give a number from 1 up, or a negative one for no limit)"))
	}
	if f.users < 0 {
		errs = append(errs, fmt.Errorf("read --users: %d is negative", f.users))
	}
	if f.tlsCAOut != "" && !f.tls {
		errs = append(errs, errors.New("read --tls-ca-out: there is no certificate without --tls"))
	}
	return errors.Join(errs...)
}

// servePushsim serves until the command's context ends.
func servePushsim(cmd *cobra.Command, f pushsimFlags) error {
	generated := f.secretKey == ""
	if generated {
		key := make([]byte, 32)
		rand.Read(key) // never fails since Go 1.24
		f.secretKey = hex.EncodeToString(key)
	}
	cfg := pushsim.Config{
		Apps:     []pushsim.App{{SDKAppID: f.sdkappid, SecretKey: f.secretKey, Admins: []string{f.identifier}}},
		Interval: f.interval,
		Quota:    f.quota,
		Keep:     f.keep,
	}
	if f.interval == 0 {
		cfg.Interval = -1 // on a command line 0 means none, not the default
	}
	if err := f.check(); err != nil {
		return exitError{code: exitUsage, err: err}
	}
	if f.quotaZone != "" {
		zone, err := time.LoadLocation(f.quotaZone)
		if err != nil {
			return exitError{code: exitUsage, err: fmt.Errorf("--quota-zone %q: there is no such zone; want one like Asia/Shanghai or UTC", f.quotaZone)}
		}
		cfg.Window, cfg.Zone = pushsim.Calendar, zone
	}
	sim, err := pushsim.New(cfg)
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	if err := sim.Populate(f.seed, f.users); err != nil {
		return err
	}
	ln, scheme, err := listenPushsim(cmd, f)
	if err != nil {
		return err
	}
	talk := cmd.ErrOrStderr()
	fmt.Fprintf(talk, "simulated push API: %s://%s, %d users; what it saw: %[1]s://%[2]s/sim/summary\n\n", scheme, ln.Addr(), f.users)
	fmt.Fprintf(talk, "export BRIDGE_PUSH_URL=%s://%s\n", scheme, ln.Addr())
	fmt.Fprintf(talk, "export BRIDGE_PUSH_SDKAPPID=%d\n", f.sdkappid)
	fmt.Fprintf(talk, "export BRIDGE_PUSH_IDENTIFIER=%s\n", f.identifier)
	if generated {
		fmt.Fprintf(talk, "export BRIDGE_PUSH_SECRET_KEY=%s\n", f.secretKey)
	} else {
		fmt.Fprintln(talk, "export BRIDGE_PUSH_SECRET_KEY=(what you gave to --secret-key)")
	}
	if f.tlsCAOut != "" {
		fmt.Fprintf(talk, "export SSL_CERT_FILE=%s\n", f.tlsCAOut)
	}
	return sim.Run(cmd.Context(), ln)
}

// listenPushsim opens the address, under TLS where asked to.
func listenPushsim(cmd *cobra.Command, f pushsimFlags) (ln net.Listener, scheme string, err error) {
	var listen net.ListenConfig
	ln, err = listen.Listen(cmd.Context(), "tcp", f.addr)
	if err != nil {
		err = fmt.Errorf("listen on %s: %w", f.addr, err)
		if _, ok := errors.AsType[*net.AddrError](err); ok {
			err = exitError{code: exitUsage, err: err}
		}
		return nil, "", err
	}
	if !f.tls {
		return ln, "http", nil
	}
	host, _, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return nil, "", closing(ln, fmt.Errorf("read the address %s: %w", ln.Addr(), err))
	}
	certificate, ca, err := pushsim.SelfSigned(host, "localhost")
	if err != nil {
		return nil, "", closing(ln, err)
	}
	if f.tlsCAOut != "" {
		if err := os.WriteFile(f.tlsCAOut, ca, 0o644); err != nil {
			return nil, "", closing(ln, fmt.Errorf("write the certificate: %w", err))
		}
	}
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), "https", nil
}

// closing gives the listener back on the way out with err.
func closing(ln net.Listener, err error) error {
	ln.Close()
	return err
}
