package pushapi

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Key is the app's secret key. No format, log or encoder prints it: the text is
// behind a pointer because fmt asks no methods of unexported fields.
type Key struct{ text *string }

// NewKey wraps the key's text.
func NewKey(text string) Key { return Key{text: &text} }

func (k Key) reveal() string {
	if k.text == nil {
		return ""
	}
	return *k.text
}

const redacted = "[redacted]"

// Format writes [redacted] for every verb.
func (Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue returns [redacted].
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns [redacted].
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Credentials say who calls.
type Credentials struct {
	SDKAppID   uint32
	Identifier string // an app administrator (90009)
	Key        Key    // used as the bytes of its text, it is not hexadecimal
}

// signatureCode is standard base64 with three characters changed for use in a
// URL. It is not base64.URLEncoding, where '-' stands for '+'.
var signatureCode = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-").WithPadding('_')

// Sign returns a UserSig that is valid from now for lifetime, in whole seconds.
// The algorithm is push-api.md's, version 2.0 of the vendor.
func (c Credentials) Sign(now time.Time, lifetime time.Duration) string {
	made, expire := now.Unix(), int64(lifetime/time.Second)
	mac := hmac.New(sha256.New, []byte(c.Key.reveal()))
	fmt.Fprintf(mac, "TLS.identifier:%s\nTLS.sdkappid:%d\nTLS.time:%d\nTLS.expire:%d\n", c.Identifier, c.SDKAppID, made, expire)
	doc, err := json.Marshal(struct {
		Version    string `json:"TLS.ver"`
		Identifier string `json:"TLS.identifier"`
		SDKAppID   uint32 `json:"TLS.sdkappid"`
		Expire     int64  `json:"TLS.expire"`
		Time       int64  `json:"TLS.time"`
		Sig        []byte `json:"TLS.sig"` // encoding/json writes bytes as standard base64
	}{"2.0", c.Identifier, c.SDKAppID, expire, made, mac.Sum(nil)})
	if err != nil {
		panic("pushapi: encode signature: " + err.Error()) // strings, numbers and bytes always encode
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write(doc) // a bytes.Buffer takes everything
	_ = z.Close()
	return signatureCode.EncodeToString(packed.Bytes())
}

// signer keeps one signature and makes a new one when a tenth of its life is
// left. It has one owner.
type signer struct {
	credentials Credentials
	lifetime    time.Duration
	sig         string
	made        int64 // Unix seconds, as in the signature
}

// at returns the signature to use now. A clock that went back is a reason to
// sign anew: a signature from the future may be refused.
func (s *signer) at(now time.Time) string {
	age := now.Unix() - s.made
	if s.sig == "" || age < 0 || age >= int64(s.lifetime/time.Second)*9/10 {
		s.sig, s.made = s.credentials.Sign(now, s.lifetime), now.Unix()
	}
	return s.sig
}

// drop forgets the signature, so that the next call has a new one.
func (s *signer) drop() { s.sig = "" }
