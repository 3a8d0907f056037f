package pushapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/pushapi/pushsim"
)

// The API and the network say everything they know, in every way there is to
// fail; neither key nor signature may come out at the other end.
func TestSecretsStayInside(t *testing.T) {
	t.Attr("guards", "neither key nor signature reaches an error, a log line or a metric")
	t.Parallel()

	tell := func(status int, format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			sig := r.URL.Query().Get("usersig")
			w.Header().Set("Location", "http://elsewhere.invalid/?usersig="+sig)
			w.WriteHeader(status)
			fmt.Fprintf(w, format, sig+" "+url.QueryEscape(sig)+" "+testKey+" "+r.URL.String())
		}
	}
	fault := func(f pushsim.Fault) http.Handler {
		return simulator(t, pushsim.Config{Faults: []pushsim.Fault{f}})
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()

	for name, tt := range map[string]struct {
		handler http.Handler
		url     string
		dial    DialFunc
		want    Class
	}{
		"success":         {handler: tell(200, `{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"%s"}`), want: ClassOK},
		"task id":         {handler: tell(200, `{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","TaskId":"%s\n"}`), want: ClassOK},
		"retry":           {handler: tell(200, `{"ActionStatus":"FAIL","ErrorCode":91000,"ErrorInfo":"%s"}`), want: ClassRetry},
		"signature":       {handler: tell(200, `{"ActionStatus":"FAIL","ErrorCode":70003,"ErrorInfo":"illegal: %s"}`), want: ClassResign},
		"stranger":        {handler: tell(200, `{"ActionStatus":"FAIL","ErrorCode":60099,"ErrorInfo":"%s"}`), want: ClassRetry},
		"reject":          {handler: tell(200, `{"ActionStatus":"FAIL","ErrorCode":90001,"ErrorInfo":"%s"}`), want: ClassReject},
		"odd status":      {handler: tell(200, `{"ActionStatus":"%s","ErrorCode":0}`), want: ClassDoubt},
		"no JSON":         {handler: tell(200, `%s`), want: ClassDoubt},
		"gateway":         {handler: tell(502, `%s`), want: ClassRetry},
		"not found":       {handler: tell(404, `%s`), want: ClassConfig},
		"redirect":        {handler: tell(307, `%s`), want: ClassConfig},
		"reset":           {handler: fault(pushsim.Fault{Kind: pushsim.FaultReset}), want: ClassDoubt},
		"closed":          {handler: fault(pushsim.Fault{Kind: pushsim.FaultClose}), want: ClassDoubt},
		"stall":           {handler: fault(pushsim.Fault{Kind: pushsim.FaultStall}), want: ClassDoubt},
		"refused":         {url: closed.URL, want: ClassRetry},
		"unknown host":    {url: "http://nowhere.invalid", want: ClassRetry},
		"not HTTP at all": {dial: speaking(t, "SSH-2.0-OpenSSH\r\n"), url: "http://x", want: ClassDoubt},
		"bad header":      {dial: speaking(t, "HTTP/1.1 200 OK\r\n"+testKey+"\r\n\r\n"), url: "http://x", want: ClassDoubt},
		"loose tongue": {dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("dial for " + testKey)
		}, url: "http://x", want: ClassRetry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := tt.url
			if address == "" {
				address = serve(t, tt.handler)
			}
			log, logText := logged()
			reg := prometheus.NewRegistry()
			c := newClient(t, Config{URL: address, Dial: tt.dial, Timeout: 300 * time.Millisecond, Logger: log, Registerer: reg, BreakerFailures: 1})
			sig := c.signature(time.Now())
			secrets := []string{testKey, sig, url.QueryEscape(sig)}

			for i := range 2 { // the second meets the open breaker, or the same again
				o := c.Push(t.Context(), hello(t, 1))
				if i == 0 && o.Class != tt.want {
					t.Errorf("%v, %v; want %v", o.Class, o.Err, tt.want)
				}
				if len(o.TaskID) > maxTaskIDBytes || strings.ContainsAny(o.TaskID, "\r\n") {
					t.Errorf("the task id is not bounded: %q", o.TaskID)
				}
				text := fmt.Sprintf("%+v %#v %v %v", o, o, c.cfg, c.cfg.Credentials)
				if o.Err != nil {
					for err := error(o.Err); err != nil; err = errors.Unwrap(err) {
						text += fmt.Sprintf("\n%v %+v %#v", err, err, err)
					}
					log.Error("push failed", "err", o.Err, "outcome", o)
				}
				families, err := reg.Gather()
				if err != nil {
					t.Fatal(err)
				}
				text += fmt.Sprint(families) + logText.String()
				for _, secret := range secrets {
					if at := strings.Index(text, secret); at >= 0 {
						t.Fatalf("call %d shows %q: …%s", i+1, secret, text[max(0, at-60):at])
					}
				}
			}
		})
	}
}

// speaking returns a network whose server says text to whatever it reads.
func speaking(t *testing.T, text string) DialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		t.Cleanup(func() { _ = server.Close() })
		go func() {
			_, _ = server.Read(make([]byte, 1<<16))
			_, _ = server.Write([]byte(text))
			_ = server.Close()
		}()
		return client, nil
	}
}
