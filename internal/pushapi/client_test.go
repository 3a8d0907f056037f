package pushapi

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"pushbridge/internal/pushapi/pushsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewRefuses(t *testing.T) {
	t.Attr("guards", "a wrong configuration is told at the start, all of it")
	t.Parallel()
	right := Credentials{SDKAppID: 1, Identifier: "a", Key: NewKey(testKey)}
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := prometheus.NewRegistry()
	newClient(t, Config{Region: "tokyo", Registerer: taken})

	for name, tt := range map[string]struct {
		cfg     Config
		wantErr []string
	}{
		"nothing at all":      {Config{}, []string{"exactly one of the two", "sdkappid: not set", `identifier ""`, "secret key: not set"}},
		"no such region":      {Config{Region: "mars", Credentials: right}, []string{`region "mars": want one of china, frankfurt`}},
		"region and url":      {Config{Region: "tokyo", URL: "https://x", Credentials: right}, []string{"exactly one"}},
		"no scheme":           {Config{URL: "x.example", Credentials: right}, []string{"push url: want"}},
		"another scheme":      {Config{URL: "ftp://x.example", Credentials: right}, []string{"push url: want"}},
		"a copied call":       {Config{URL: "https://x.example/v4/timpush/push?usersig=" + testKey, Credentials: right}, []string{"push url: want"}},
		"credentials in it":   {Config{URL: "https://u:" + testKey + "@x.example", Credentials: right}, []string{"push url: want"}},
		"identifier of lines": {Config{Region: "tokyo", Credentials: Credentials{SDKAppID: 1, Identifier: "a\nTLS.sdkappid:2", Key: right.Key}}, []string{"want one line"}},
		"negative timeout":    {Config{Region: "tokyo", Credentials: right, Timeout: -1}, []string{"timeout"}},
		"no such file":        {Config{Region: "tokyo", Credentials: right, CAFile: noPEM + "x"}, []string{"read push ca file"}},
		"no certificates":     {Config{Region: "tokyo", Credentials: right, CAFile: noPEM}, []string{"no certificate"}},
		"metrics taken":       {Config{Region: "tokyo", Credentials: right, Registerer: taken}, []string{"duplicate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tt.cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.wantErr {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q", err, want)
				}
			}
			if strings.Contains(err.Error(), testKey) {
				t.Errorf("err = %v shows a secret", err)
			}
		})
	}
}

func TestRegions(t *testing.T) {
	t.Attr("guards", "a region's calls go to its domain")
	t.Parallel()
	want := map[string]string{
		"china": "console.tim.qq.com", "singapore": "adminapisgp.im.qcloud.com", "seoul": "adminapikr.im.qcloud.com",
		"frankfurt": "adminapiger.im.qcloud.com", "silicon-valley": "adminapiusa.im.qcloud.com",
		"jakarta": "adminapiidn.im.qcloud.com", "tokyo": "adminapijpn.im.qcloud.com",
	}
	if len(Regions()) != len(want) {
		t.Errorf("regions %q", Regions())
	}
	for _, name := range Regions() {
		c := newClient(t, Config{Region: name})
		if !strings.HasPrefix(c.endpoint, "https://"+want[name]+"/v4/timpush/push?") {
			t.Errorf("%s is at %s", name, c.endpoint)
		}
	}
}

// One signature serves until a tenth of it is left or the API refuses it.
func TestSignaturesInUse(t *testing.T) {
	t.Attr("guards", "a refused signature is not used again")
	synctest.Test(t, func(t *testing.T) {
		var made []time.Duration // when the signature of each call was
		start := time.Now()
		sim := simulator(t, pushsim.Config{Faults: []pushsim.Fault{
			{From: 3, Kind: pushsim.FaultCode, Code: 70001},
			{From: 5, Kind: pushsim.FaultCode, Code: 91000},
		}})
		c := inBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			at, ok := opened(t, r.URL.Query().Get("usersig"))["TLS.time"].(float64)
			if !ok {
				t.Error("no TLS.time")
			}
			made = append(made, time.Unix(int64(at), 0).Sub(start))
			sim.ServeHTTP(w, r)
		}), Config{Lifetime: 10 * time.Minute})
		for i := range 12 {
			if i > 0 {
				time.Sleep(time.Minute)
			}
			c.Push(t.Context(), hello(t, uint32(i)))
		}
		m := time.Minute
		want := []time.Duration{0, 0, 0, 3 * m, 3 * m, 3 * m, 3 * m, 3 * m, 3 * m, 3 * m, 3 * m, 3 * m}
		if diff := cmp.Diff(want, made); diff != "" {
			t.Error(diff)
		}
		time.Sleep(m) // nine minutes old: a tenth is left
		c.Push(t.Context(), hello(t, 99))
		if got := made[len(made)-1]; got != 12*m {
			t.Errorf("the last call's signature was made after %v", got)
		}
	})
}

// Meant for the race detector: the console asks while the loop calls.
func TestConcurrentUse(t *testing.T) {
	t.Attr("guards", "a client may be asked about while it calls")
	t.Parallel()
	sim := simulator(t, pushsim.Config{Faults: []pushsim.Fault{{Kind: pushsim.FaultCode, Code: 91000, Count: pushsim.Always}}})
	reg := prometheus.NewRegistry()
	c := newClient(t, Config{URL: serve(t, sim), BreakerFailures: 20, Registerer: reg})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				c.Push(t.Context(), hello(t, uint32(10*i+j)))
				c.Breaker()
			}
		})
	}
	wg.Wait()
	made := len(sim.Calls())
	if got, timed := counts(t, reg); made < 20 || made > 23 || got["retry"] != float64(made) || timed != uint64(made) {
		t.Errorf("%d calls made, counted %v, timed %d; want 20 and what was under way when the breaker opened", made, got, timed)
	}
	if got, _ := c.Breaker(); got != BreakerOpen {
		t.Errorf("breaker is %v", got)
	}
}
