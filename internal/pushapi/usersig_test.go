package pushapi

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// opened is a UserSig as a verifier reads it, by another way than Sign made it:
// the three characters changed back, then standard base64.
func opened(t *testing.T, sig string) map[string]any {
	t.Helper()
	standard := strings.NewReplacer("*", "+", "-", "/", "_", "=").Replace(sig)
	var packed []byte
	if err := json.Unmarshal([]byte(`"`+standard+`"`), &packed); err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(doc, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestSignMatchesTheVendorsLibrary(t *testing.T) {
	t.Attr("guards", "calls are signed as the vendor signs them")
	t.Parallel()

	const vendors = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwhWZiflZpXlQqeKU7MSCgswUJStDEwMogMiUZOamKlkZmqOKplYUZBaBxE1NTY3gosWZ6UpWSj5ljuYp*p7l5unBxXnF2WVhVU4uAf7Ozi5JpX7O5SbuHuUhzgZJmQXaTia2SrUAohcx8g__"
	xiaojun := Credentials{
		SDKAppID: 1400000000, Identifier: "xiaojun",
		Key: NewKey("5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"),
	}
	admin := Credentials{SDKAppID: testApp, Identifier: testAdmin, Key: NewKey(testKey)}
	fields := func(app float64, identifier string, expire float64, sig string) map[string]any {
		return map[string]any{
			"TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": app,
			"TLS.time": 1.7e9, "TLS.expire": expire, "TLS.sig": sig,
		}
	}
	for name, tt := range map[string]struct {
		sig  string
		want map[string]any
	}{
		"the vendor's text":         {vendors, fields(1.4e9, "xiaojun", 15552000, "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=")},
		"half a year":               {xiaojun.Sign(time.Unix(1.7e9, 0), 180*24*time.Hour), fields(1.4e9, "xiaojun", 15552000, "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=")},
		"a day":                     {admin.Sign(time.Unix(1.7e9, 0), 24*time.Hour), fields(testApp, "admin", 86400, "jT8DnJyVtvvigEV40IpZcdbTY85w38AEQkNR7Y23pdg=")},
		"parts of a second are cut": {admin.Sign(time.Unix(1.7e9, 999), 24*time.Hour+time.Millisecond), fields(testApp, "admin", 86400, "jT8DnJyVtvvigEV40IpZcdbTY85w38AEQkNR7Y23pdg=")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, opened(t, tt.sig)); diff != "" {
				t.Error(diff)
			}
			if rest := strings.Trim(tt.sig, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-_"); rest != "" {
				t.Errorf("%q needs escaping in a URL", rest)
			}
		})
	}
}

func TestSignerKeepsASignatureUntilATenthIsLeft(t *testing.T) {
	t.Attr("guards", "a signature is never used near its end")
	t.Parallel()
	start := time.Unix(1.7e9, 0)

	for name, tt := range map[string]struct {
		after time.Duration
		drop  bool
		want  time.Duration // when the signature in use was made
	}{
		"at once":                {after: 0, want: 0},
		"a second before":        {after: 90*time.Minute - time.Second, want: 0},
		"at nine tenths":         {after: 90 * time.Minute, want: 90 * time.Minute},
		"long after":             {after: 90 * time.Hour, want: 90 * time.Hour},
		"the clock went back":    {after: -time.Minute, want: -time.Minute},
		"the API refused it":     {after: time.Minute, drop: true, want: time.Minute},
		"part of a second later": {after: 999 * time.Millisecond, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := signer{credentials: Credentials{SDKAppID: testApp, Identifier: testAdmin, Key: NewKey(testKey)}, lifetime: 100 * time.Minute}
			s.at(start)
			if tt.drop {
				s.drop()
			}
			got := opened(t, s.at(start.Add(tt.after)))["TLS.time"]
			if want := float64(start.Add(tt.want).Unix()); got != want {
				t.Errorf("signed at %v, want %v", got, want)
			}
		})
	}
}

func TestKeyIsNeverPrinted(t *testing.T) {
	t.Attr("guards", "the secret key stays in the program")
	t.Parallel()
	key := NewKey(testKey)
	client := newClient(t, Config{Region: "tokyo", Credentials: Credentials{SDKAppID: 1, Identifier: "a", Key: key}})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{key, &key, client.cfg, client.signer, Credentials{Key: key}} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, testKey) || strings.Contains(got, fmt.Sprintf("%x", testKey)) {
				t.Errorf("%s of %T prints the key: %s", verb, v, got)
			}
		}
	}
	log, text := logged()
	log.Info("x", "key", key, "all", client.cfg)
	raw, err := json.Marshal(key)
	if err != nil || string(raw) != `"[redacted]"` || strings.Contains(text.String(), testKey) {
		t.Errorf("marshalled as %s (%v), logged as %s", raw, err, text)
	}
}
