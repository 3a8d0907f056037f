package pushsim

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSigBytes bounds what a UserSig may inflate to: a real one is under 400
// bytes, and a small compressed text can hide gigabytes.
const maxSigBytes = 16 << 10

// lockTime is how long 70050 lasts: "retry after 1 min".
const lockTime = time.Minute

// userSig is what a UserSig says once it is unpacked.
type userSig struct {
	Version    string `json:"TLS.ver"`
	Identifier string `json:"TLS.identifier"`
	SDKAppID   uint32 `json:"TLS.sdkappid"`
	Time       int64  `json:"TLS.time"`   // Unix seconds
	Expire     int64  `json:"TLS.expire"` // seconds after Time
	Sig        []byte `json:"TLS.sig"`
}

// unpackUserSig undoes base64 with the API's three replaced characters, zlib
// and JSON. It verifies nothing.
func unpackUserSig(text string) (userSig, error) {
	var sig userSig
	packed, err := base64.StdEncoding.DecodeString(strings.NewReplacer("*", "+", "-", "/", "_", "=").Replace(text))
	if err != nil {
		return sig, fmt.Errorf("base64: %w", err)
	}
	inflate, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return sig, fmt.Errorf("zlib: %w", err)
	}
	doc, err := io.ReadAll(io.LimitReader(inflate, maxSigBytes+1))
	if err != nil {
		return sig, fmt.Errorf("zlib: %w", err)
	}
	if len(doc) > maxSigBytes {
		return sig, fmt.Errorf("inflates to more than %d bytes", maxSigBytes)
	}
	if err := json.Unmarshal(doc, &sig); err != nil {
		return sig, fmt.Errorf("JSON: %w", err)
	}
	if sig.Version != "2.0" {
		return sig, errors.New("TLS.ver is not 2.0")
	}
	return sig, nil
}

// mac returns the signature that key gives to what the UserSig claims.
func (u userSig) mac(key string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(h, "TLS.identifier:%s\nTLS.sdkappid:%d\nTLS.time:%d\nTLS.expire:%d\n",
		u.Identifier, u.SDKAppID, u.Time, u.Expire)
	return h.Sum(nil)
}

// verify judges the UserSig for one account of one app at clock, in the order
// of the vendor's own verifier. A UserSig is good for the whole last second
// that it names.
func (u userSig) verify(identifier string, app App, clock time.Time) refusal {
	switch {
	case u.Identifier != identifier:
		return refuse(codeSigOtherUser, "the UserSig is for another identifier")
	case u.SDKAppID != app.SDKAppID:
		return refuse(codeSigOtherApp, "the UserSig is for another sdkappid")
	case clock.Unix() > u.Time+u.Expire:
		return refuse(codeSigExpired, "the UserSig has expired")
	case !hmac.Equal(u.Sig, u.mac(app.SecretKey)):
		return refuse(codeSigWrongKey, "UserSig verification failed: signed with another key")
	}
	return refusal{}
}

// admit finds the app and judges the URL of a request: parameters, app,
// caller's address, signature, administrator, request rate. It fills q.app and
// q.identifier as far as it gets.
func (s *Server) admit(q *request) refusal {
	query, err := url.ParseQuery(q.rawQuery)
	if err != nil {
		return refuse(codeBadHTTP, "the query does not parse")
	}
	if !query.Has("sdkappid") {
		return refuse(codeNoAppID, "sdkappid is missing")
	}
	id, err := strconv.ParseUint(query.Get("sdkappid"), 10, 32)
	if err != nil {
		return refuse(codeBadAppID, "sdkappid is no number")
	}
	q.identifier = query.Get("identifier")
	if q.identifier == "" {
		return refuse(codeNoIdentifier, "identifier is missing")
	}
	if !query.Has("usersig") {
		return refuse(codeNoUserSig, "usersig is missing")
	}
	if query.Get("contenttype") != "json" {
		return refuse(codeBadHTTP, "contenttype is not json")
	}
	if _, err := strconv.ParseUint(query.Get("random"), 10, 32); err != nil {
		return refuse(codeBadHTTP, "random is no unsigned 32-bit number")
	}
	a := s.apps[uint32(id)]
	if a == nil {
		return refuse(codeAppUnknown, "sdkappid is unknown here")
	}
	q.app = a
	switch {
	case a.Disabled:
		return refuse(codeAppDisabled, "the app is disabled")
	case a.PlanExpired:
		return refuse(codePlanExpired, "the app's plan has expired")
	case !a.allows(q.remote):
		return refuse(codeIPNotAllowed, "the caller's address is not on the app's list")
	}
	if r := s.authenticate(q, query.Get("usersig")); r.given() {
		return r
	}
	q.authentic = true
	if !slices.Contains(a.Admins, q.identifier) {
		return refuse(codeNotAdmin, "identifier is no administrator of the app")
	}
	if s.cfg.RequestsPerSecond > 0 && !a.requests.take(q.now, s.cfg.RequestsPerSecond) {
		return refuse(codeTooManyRequests, "too many requests a second")
	}
	return refusal{}
}

// allows reports whether the app takes requests from remote, a host:port.
func (a *app) allows(remote string) bool {
	if len(a.AllowedIPs) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(remote)
	return err == nil && slices.ContainsFunc(a.AllowedIPs, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) })
}

// authenticate judges the UserSig, and locks an account out for a minute once
// it has brought too many bad ones within a minute (70050).
func (s *Server) authenticate(q *request, text string) refusal {
	bad := q.app.badSigs[q.identifier]
	if q.now.Before(bad.lockedUntil) {
		return refuse(codeSigTooOften, "too many bad UserSigs, retry after a minute")
	}
	r := judgeUserSig(text, q)
	if !r.given() || r.code == codeSigExpired {
		return r // an expired one is an old good one, no attack
	}
	if q.now.Sub(bad.since) > lockTime {
		bad = badSigs{since: q.now}
	}
	if bad.count++; bad.count >= s.cfg.LockAfter {
		bad = badSigs{lockedUntil: q.now.Add(lockTime)}
	}
	q.app.badSigs[q.identifier] = bad
	return r
}

func judgeUserSig(text string, q *request) refusal {
	if text == "" {
		return refuse(codeSigEmpty, "usersig is empty")
	}
	sig, err := unpackUserSig(text)
	if err != nil {
		return refuse(codeSigUnreadable, "the UserSig in use is illegal: "+err.Error())
	}
	return sig.verify(q.identifier, q.app.App, q.clock)
}

// badSigs counts one account's bad signatures.
type badSigs struct {
	since       time.Time // of the first that count holds
	count       int
	lockedUntil time.Time
}

// perSecond counts the requests of the last second.
type perSecond struct{ at []time.Time }

// take counts a request at now, and returns false where the second before it
// already holds n.
func (p *perSecond) take(now time.Time, n int) bool {
	old := 0
	for old < len(p.at) && now.Sub(p.at[old]) >= time.Second {
		old++
	}
	p.at = append(p.at[:0], p.at[old:]...)
	if len(p.at) >= n {
		return false
	}
	p.at = append(p.at, now)
	return true
}
