package pushsim

import (
	"encoding/base64"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The vectors of push-api.md, from the vendor's npm library with a fixed clock.
func TestUserSigVectors(t *testing.T) {
	t.Attr("guards", "UserSig")
	t.Parallel()
	for name, tt := range map[string]struct {
		sig  userSig
		key  string
		want string
	}{
		"xiaojun": {
			userSig{Identifier: "xiaojun", SDKAppID: 1400000000, Time: 1700000000, Expire: 15552000},
			testKey, "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=",
		},
		"admin": {
			userSig{Identifier: "admin", SDKAppID: 88888888, Time: 1700000000, Expire: 86400},
			"secret-key-for-tests", "jT8DnJyVtvvigEV40IpZcdbTY85w38AEQkNR7Y23pdg=",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := base64.StdEncoding.EncodeToString(tt.sig.mac(tt.key)); got != tt.want {
				t.Errorf("TLS.sig = %s, want %s", got, tt.want)
			}
		})
	}
}

// The whole UserSigs of the page and its long form: four zlib writers, three
// orders of members, one of them uncompressed.
func TestWholeUserSigs(t *testing.T) {
	t.Attr("guards", "UserSig")
	t.Parallel()
	for name, tt := range map[string]struct {
		text, identifier string
		expire           int64
	}{
		"npm library": {"eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwhWZiflZpXlQqeKU7MSCgswUJStDEwMogMiUZOamKlkZmqOKplYUZBaBxE1NTY3gosWZ6UpWSj5ljuYp*p7l5unBxXnF2WVhVU4uAf7Ozi5JpX7O5SbuHuUhzgZJmQXaTia2SrUAohcx8g__", "xiaojun", 15552000},
		"level 0":     {"eAEBrgBR-3siVExTLnZlciI6IjIuMCIsIlRMUy5pZGVudGlmaWVyIjoiYWRtaW5pc3RyYXRvciIsIlRMUy5zZGthcHBpZCI6MTQwMDAwMDAwMCwiVExTLmV4cGlyZSI6ODY0MDAsIlRMUy50aW1lIjoxNzAwMDAwMDAwLCJUTFMuc2lnIjoieUxBZSt3N1dVZVV1cWJWOWgvVFg3OHUyMW9UR2kraTlacDF1M1Bwblk2MD0ifbyIM5I_", "administrator", 86400},
		"python":      {"eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUsTAzgQuWZOaChAzN0RQXZ6aDLKn0cUzVLjcPD00NLS1MCrPM0A*JMLcoNTLMD3HP1M60jCowLDUOKMiLNDOwVaoFAD4PNPI_", "administrator", 86400},
		"node":        {"eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwokpuZl5mcUlRYkl*UVQBcUp2YkFBZkpSlaGJgZQAJEpycxNVbIyNEcVTa0oyCxKVbKyMDOBCRVnpitZKVX6OKZql5uHh6aGlhYmhVlm6IdEmFuUGhnmh7hnamdaRhUYlhoHFORFmhnYKtUCAK0SM5I_", "administrator", 86400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := App{SDKAppID: testApp, SecretKey: testKey}
			sig, err := unpackUserSig(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			last := time.Unix(1700000000+tt.expire, 999_999_999)
			if r := sig.verify(tt.identifier, app, last); r.given() {
				t.Errorf("in the last second: %+v", r)
			}
			if r := sig.verify(tt.identifier, app, last.Add(1)); r.code != codeSigExpired {
				t.Errorf("a second later: %+v, want %d", r, codeSigExpired)
			}
			app.SecretKey = testKey[1:]
			if r := sig.verify(tt.identifier, app, last); r.code != codeSigWrongKey {
				t.Errorf("with another key: %+v, want %d", r, codeSigWrongKey)
			}
		})
	}
}

func TestUserSigBombIsRefused(t *testing.T) {
	t.Attr("guards", "UserSig")
	t.Parallel()
	bomb := sign(testApp, testKey, strings.Repeat("a", 10<<20), time.Now(), 60)
	if _, err := unpackUserSig(bomb); err == nil || !strings.Contains(err.Error(), "inflates to more than") {
		t.Errorf("err = %v, want a refusal to inflate 10 MiB from %d bytes", err, len(bomb))
	}
}

func TestLockEndsAfterAMinute(t *testing.T) {
	t.Attr("guards", "UserSig")
	t.Parallel()
	inWorld(t, Config{LockAfter: 1, Interval: -1}, func(w *world) {
		q := query()
		q.Set("usersig", "x")
		w.post(pushPath, q.Encode(), w.body(""))
		time.Sleep(time.Minute - 1)
		if r := w.push(""); r.ErrorCode != codeSigTooOften {
			t.Errorf("within the minute: %+v", r)
		}
		time.Sleep(1)
		w.pushed("")
	})
}

func TestSkewedClockExpiresAGoodUserSig(t *testing.T) {
	t.Attr("guards", "UserSig")
	t.Parallel()
	faults := []Fault{{Kind: FaultSkew, Skew: 25 * time.Hour, Count: 2}}
	inWorld(t, Config{Faults: faults, Interval: -1}, func(w *world) {
		for range 2 {
			if r := w.push(""); r.ErrorCode != codeSigExpired {
				t.Errorf("with the server's clock 25 h ahead: %+v", r)
			}
		}
		w.pushed("")
	})
}

func TestAllowedAddressMayCall(t *testing.T) {
	t.Attr("guards", "error codes")
	t.Parallel()
	sim, err := New(Config{Apps: []App{{
		SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin},
		AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{
		"192.0.2.1:1":          `"ErrorCode":0`,
		"[::ffff:192.0.2.1]:1": `"ErrorCode":0`,
		"192.0.3.1:1":          `"ErrorCode":60021`,
	} {
		r := httptest.NewRequest("POST", "/v4/timpush/get_attr_name?"+query().Encode(), strings.NewReader("{}"))
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("from %s: %s, want %s", from, w.Body, want)
		}
	}
}
