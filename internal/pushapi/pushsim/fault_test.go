package pushsim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What the caller sees and whether the push was done, for every kind of fault
// on both sides of the judgement.
func TestFaultsOnBothSides(t *testing.T) {
	t.Attr("guards", "faults")
	t.Parallel()
	for name, tt := range map[string]struct {
		fault Fault
		see   func(reply) bool
	}{
		"code":    {Fault{Kind: FaultCode, Code: 91000}, func(r reply) bool { return r.Status == 200 && r.ErrorCode == 91000 && r.TaskID == "" }},
		"502":     {Fault{Kind: FaultStatus, Status: 502}, func(r reply) bool { return r.Status == 502 && !json.Valid(r.Body) }},
		"404":     {Fault{Kind: FaultStatus, Status: 404}, func(r reply) bool { return r.Status == 404 && !json.Valid(r.Body) }},
		"garbage": {Fault{Kind: FaultGarbage}, func(r reply) bool { return r.Status == 200 && r.Err != nil && len(r.Body) > 0 }},
		"reset":   {Fault{Kind: FaultReset}, func(r reply) bool { return r.Status == 0 && errors.Is(r.Err, io.EOF) }},
		"close":   {Fault{Kind: FaultClose}, func(r reply) bool { return r.Status == 0 && errors.Is(r.Err, io.EOF) }},
		"stall":   {Fault{Kind: FaultStall}, func(r reply) bool { return errors.Is(r.Err, context.DeadlineExceeded) }},
	} {
		for side, after := range map[string]bool{"instead": false, "after": true} {
			t.Run(name+" "+side, func(t *testing.T) {
				t.Parallel()
				fault := tt.fault // both sides run at once
				fault.After = after
				inWorld(t, Config{Faults: []Fault{fault}}, func(w *world) {
					w.users(3)
					w.client.Timeout = 10 * time.Second
					r := w.push(`"OnlineOnlyFlag":1`)
					if !tt.see(r) {
						t.Errorf("the caller sees %+v", r)
					}
					if got := len(w.sim.Received("u0")) == 1; got != after {
						t.Errorf("u0 received it: %v, want %v", got, after)
					}
					call := w.sim.Calls()[0]
					if (call.TaskID != "") != after || call.Accepted.IsZero() == after || call.Lost != (tt.fault.Kind != FaultCode) {
						t.Errorf("logged as %+v", call)
					}
					if !strings.Contains(call.Fault, tt.fault.Kind.String()+" "+side) {
						t.Errorf("the log names the fault %q", call.Fault)
					}
					time.Sleep(2 * time.Second)
					w.pushed("") // the next call meets nothing
				})
			})
		}
	}
}

// A caller who gives up before a late accept cannot know that it happened.
func TestDelayBeforeAcceptGoesOnWithoutTheCaller(t *testing.T) {
	t.Attr("guards", "faults")
	t.Parallel()
	for name, tt := range map[string]struct {
		after bool
		at    time.Duration // of the acceptance
	}{"before": {false, 15 * time.Second}, "after": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{Faults: []Fault{{Kind: FaultDelay, Delay: 15 * time.Second, After: tt.after}}}, func(w *world) {
				w.client.Timeout = 10 * time.Second
				start := time.Now()
				if r := w.push(""); !errors.Is(r.Err, context.DeadlineExceeded) {
					t.Fatalf("got %+v", r)
				}
				time.Sleep(time.Minute)
				call := w.sim.Calls()[0]
				if call.Accepted.IsZero() || call.Accepted.Sub(start) != tt.at {
					t.Errorf("accepted after %v, want %v", call.Accepted.Sub(start), tt.at)
				}
			})
		})
	}
}

func TestDelayIsSeenAndTheIntervalRunsFromAcceptance(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inWorld(t, Config{Faults: []Fault{{Kind: FaultDelay, Delay: 2 * time.Second}}}, func(w *world) {
		start := time.Now()
		w.pushed("")
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("the answer took %v", took)
		}
		if r := w.push(""); r.ErrorCode != codeTooSoon {
			t.Errorf("at once after the answer: %+v", r)
		}
	})
}

func TestFaultsMeetTheCallsTheyName(t *testing.T) {
	t.Attr("guards", "faults")
	t.Parallel()
	faults := []Fault{
		{Kind: FaultCode, Code: 91000, From: 2, Count: 2},
		{Kind: FaultCode, Code: 70500, From: 3}, // the first that ends the call wins
		{Kind: FaultCode, Code: 60008, From: 5, Count: Always},
		{Endpoint: "get_tag", Kind: FaultCode, Code: 90001},
	}
	inWorld(t, Config{Interval: -1, Faults: faults}, func(w *world) {
		w.users(1)
		var got []int
		for range 6 {
			got = append(got, w.push("").ErrorCode)
		}
		if diff := cmp.Diff([]int{0, 91000, 91000, 0, 60008, 60008}, got); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
		if left := w.sim.Faults(); len(left) != 2 {
			t.Errorf("left: %+v, want the endless one and get_tag's", left)
		}
		if r := w.tryAPI("get_tag", `{"To_Account":["u0"]}`); r.ErrorCode != 90001 || r.TaskID != "" {
			t.Errorf("get_tag: %+v", r)
		}
		w.sim.ClearFaults()
		w.pushed("")
		if err := w.sim.Inject(Fault{Kind: FaultCode, Code: 91000}); err != nil {
			t.Fatal(err)
		}
		if r := w.push(""); r.ErrorCode != 91000 {
			t.Errorf("the next call: %+v", r)
		}
	})
}

func TestBadFaultsAreRefusedTogether(t *testing.T) {
	t.Attr("guards", "faults")
	t.Parallel()
	sim, err := New(Config{Apps: []App{{SDKAppID: 1, SecretKey: "k", Admins: []string{"a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	err = sim.Inject(
		Fault{Kind: FaultStall},
		Fault{},
		Fault{Kind: FaultCode},
		Fault{Kind: FaultStatus, Status: 200},
		Fault{Kind: FaultDelay, Delay: -1},
		Fault{Kind: FaultStall, Count: -2},
		Fault{Kind: FaultStall, Endpoint: "pusch"},
	)
	for _, want := range []string{"fault 1: unknown kind", "fault 2: code 0", "fault 3: status 200", "fault 4: delay", "fault 5: from", `fault 6: unknown endpoint "pusch"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Inject: %v, want %q in it", err, want)
		}
	}
	if got := sim.Faults(); len(got) != 0 {
		t.Errorf("some were added: %+v", got)
	}
}

// On TCP and under TLS a reset is a real one, and Run ends with what it
// started.
func TestRunOverTLS(t *testing.T) {
	t.Attr("guards", "faults")
	t.Parallel()
	certificate, ca, err := SelfSigned("127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("the authority does not parse")
	}
	sim, err := New(Config{
		Apps:   []App{{SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin}}},
		Faults: []Fault{{From: 2, Kind: FaultReset, After: true}, {From: 3, Kind: FaultStall}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- sim.Run(ctx, tls.NewListener(tcp, &tls.Config{Certificates: []tls.Certificate{certificate}}))
	}()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	client := &http.Client{Transport: transport}
	post := func() (int, error) {
		response, err := client.Post("https://"+tcp.Addr().String()+pushPath+"?"+query().Encode(), "application/json", strings.NewReader(`{"MsgRandom":1}`))
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		var r reply
		err = json.NewDecoder(response.Body).Decode(&r)
		return r.ErrorCode, err
	}
	if code, err := post(); code != codeBadMsgBody || err != nil {
		t.Errorf("first: %d, %v", code, err)
	}
	if code, err := post(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("second: %d, %v, want a reset", code, err)
	}
	stalled := make(chan error, 1)
	go func() { _, err := post(); stalled <- err }()
	for sim.Summary().Lost < 2 { // until the third has arrived
		runtime.Gosched()
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := <-stalled; err == nil {
		t.Error("the stalled call was answered")
	}
	transport.CloseIdleConnections()
}
