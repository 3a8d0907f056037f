package pushapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Outcome is how a call ended.
type Outcome struct {
	Class  Class
	TaskID string // names the push for recall and statistics; empty unless ClassOK
	Code   int    // the API's ErrorCode; 0 also where no answer was read
	Info   string // the API's ErrorInfo, as in Error
	Err    *Error // nil exactly with ClassOK

	// Sent says that a byte of the request may have left.
	Sent bool
	// Counted says that the call may have drawn on the quota: it was Sent and
	// the answer is not 90024.
	Counted bool

	Started time.Time // when Push began, monotonic
	Ended   time.Time // when the answer was read, or the call given up, monotonic
	// SafeAfter is the instant that the interval and the window are measured
	// from: Ended, or with a Timeout added where the API did not say that it is
	// done with the call, because the request may still be on its way to it.
	SafeAfter time.Time

	// RetryAfter is how long after Ended no call should start, whatever it is.
	// 0: the interval and the quota are enough.
	RetryAfter time.Duration
}

// judge turns what came back into what it means.
func (c *Client) judge(ctx context.Context, x exchange, sig string) Outcome {
	hide := strings.NewReplacer(sig, redacted, url.QueryEscape(sig), redacted, c.cfg.Credentials.Key.reveal(), redacted)
	var a answer
	switch {
	case x.err == nil:
		a = parseResponse(x.status, x.body)
	case x.sent:
		a = answer{rule: rule{class: ClassDoubt}, err: x.err}
	default:
		a = answer{rule: rule{class: ClassRetry}, err: x.err}
		if _, ok := errors.AsType[*tls.CertificateVerificationError](x.err); ok {
			a.do = doTrust
		}
	}

	c.mu.Lock()
	if a.answered && a.class == ClassResign {
		c.signer.drop()
	}
	class, do := c.streak.settle(a)
	pause := c.streak.pause(class, a.code, c.cfg.Interval, c.cfg.Random())
	c.mu.Unlock()

	o := Outcome{
		Class: class, Code: a.code, Info: oneLine(hide.Replace(a.info), maxInfoBytes),
		Sent: x.sent, Counted: x.sent && a.code != 90024,
		Ended: x.ended, SafeAfter: x.ended, RetryAfter: pause,
	}
	if x.sent && (!a.answered || class == ClassDoubt) {
		o.SafeAfter = x.ended.Add(c.cfg.Timeout)
	}
	if class == ClassOK {
		o.TaskID = oneLine(hide.Replace(a.taskID), maxTaskIDBytes)
		return o
	}
	o.Err = &Error{Class: class, Code: a.code, Info: o.Info, Do: do, Err: hidden(a.err, hide)}
	if x.status != 0 && x.status != http.StatusOK {
		o.Err.Status = x.status
	}
	if a.answered && !a.known {
		c.cfg.Logger.WarnContext(ctx, "push api answered with a code that is not in the table", "code", a.code, "class", class.String(), "info", o.Info)
	}
	return o
}

// hidden returns err, or where its text holds a secret or has no end an error
// with the rest of the text: a wrapped one would still show it to who unwraps.
func hidden(err error, hide *strings.Replacer) error {
	if err == nil {
		return nil
	}
	if s := oneLine(hide.Replace(err.Error()), maxCauseBytes); s != err.Error() {
		return errors.New(s)
	}
	return err
}

// refused is the outcome of a call that the breaker did not let through.
func (c *Client) refused(now time.Time) Outcome {
	_, until := c.breaker.state()
	return Outcome{
		Class: ClassRetry, Err: &Error{Class: ClassRetry, Err: ErrBreakerOpen},
		Started: now, Ended: now, SafeAfter: now, RetryAfter: max(0, until.Sub(now)),
	}
}
