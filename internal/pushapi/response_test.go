package pushapi

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseResponse(t *testing.T) {
	t.Attr("guards", "a response is never read as more than it says")
	t.Parallel()
	long := strings.Repeat("会", 100) // 300 bytes

	for name, tt := range map[string]struct {
		status   int // 0: 200
		body     string
		want     Class
		code     int
		taskID   string
		answered bool
	}{
		"the page's sample":         {body: `{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","TaskId":"53743040_144"}`, want: ClassOK, taskID: "53743040_144", answered: true},
		"no ErrorInfo":              {body: `{"ActionStatus":"OK","ErrorCode":0,"TaskId":"x"}`, want: ClassOK, taskID: "x", answered: true},
		"null ErrorInfo":            {body: `{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":null,"TaskId":"x"}`, want: ClassOK, taskID: "x", answered: true},
		"a task id in digits":       {body: `{"ActionStatus":"OK","ErrorCode":0,"TaskId":12345678901234567890}`, want: ClassOK, taskID: "12345678901234567890", answered: true},
		"more members":              {body: ` {"ActionStatus":"OK","ErrorCode":0,"RequestId":{"a":[1]}} `, want: ClassOK, answered: true},
		"fail":                      {body: `{"ActionStatus":"FAIL","ErrorCode":90047,"ErrorInfo":"full"}`, want: ClassQuota, code: 90047, answered: true},
		"ok with a code":            {body: `{"ActionStatus":"OK","ErrorCode":90047}`, want: ClassQuota, code: 90047, answered: true},
		"a code alone":              {body: `{"ErrorCode":91000}`, want: ClassRetry, code: 91000, answered: true},
		"fail without a code":       {body: `{"ActionStatus":"FAIL","ErrorCode":0,"TaskId":"x"}`, want: ClassDoubt},
		"zero alone":                {body: `{"ErrorCode":0}`, want: ClassDoubt},
		"no code":                   {body: `{"ActionStatus":"OK","TaskId":"x"}`, want: ClassDoubt},
		"null code":                 {body: `{"ActionStatus":"OK","ErrorCode":null}`, want: ClassDoubt},
		"code in quotes":            {body: `{"ActionStatus":"OK","ErrorCode":"0"}`, want: ClassDoubt},
		"code with a fraction":      {body: `{"ActionStatus":"OK","ErrorCode":0.5}`, want: ClassDoubt},
		"code beyond numbers":       {body: `{"ActionStatus":"FAIL","ErrorCode":99999999999999999999}`, want: ClassDoubt},
		"negative code":             {body: `{"ActionStatus":"FAIL","ErrorCode":-1}`, want: ClassRetry, code: -1, answered: true},
		"empty":                     {body: ``, want: ClassDoubt},
		"cut off":                   {body: `{"ActionStatus":"OK","ErrorCode":0,`, want: ClassDoubt},
		"two answers":               {body: `{"ActionStatus":"OK","ErrorCode":0}{"ErrorCode":1}`, want: ClassDoubt},
		"a login page":              {body: `<html>`, want: ClassDoubt},
		"null":                      {body: `null`, want: ClassDoubt},
		"list":                      {body: `[]`, want: ClassDoubt},
		"204":                       {status: 204, want: ClassDoubt},
		"504":                       {status: 504, body: `<html>Gateway Timeout</html>`, want: ClassDoubt},
		"502":                       {status: 502, body: `<html>Bad Gateway</html>`, want: ClassRetry},
		"503 in a gateway's JSON":   {status: 503, body: `{"message":"no upstream"}`, want: ClassRetry},
		"500 with the API's answer": {status: 500, body: `{"ActionStatus":"FAIL","ErrorCode":60008}`, want: ClassDoubt, code: 60008, answered: true},
		"502 that claims success":   {status: 502, body: `{"ActionStatus":"OK","ErrorCode":0}`, want: ClassDoubt},
		"404":                       {status: 404, body: `not found`, want: ClassConfig},
		"404 in a gateway's JSON":   {status: 404, body: `{"message":"Not Found"}`, want: ClassConfig},
		"403 with the API's answer": {status: 403, body: `{"ActionStatus":"FAIL","ErrorCode":60021}`, want: ClassConfig, code: 60021, answered: true},
		"redirect":                  {status: 302, body: ``, want: ClassConfig},
		"long info":                 {body: `{"ActionStatus":"FAIL","ErrorCode":91000,"ErrorInfo":"` + long + `"}`, want: ClassRetry, code: 91000, answered: true},
	} {
		t.Run(name, func(t *testing.T) {
			status := tt.status
			if status == 0 {
				status = 200
			}
			got := parseResponse(status, []byte(tt.body))
			if got.class != tt.want || got.code != tt.code || got.answered != tt.answered {
				t.Errorf("class %v code %d answered %v, want %v %d %v", got.class, got.code, got.answered, tt.want, tt.code, tt.answered)
			}
			if got.class == ClassOK && got.taskID != tt.taskID {
				t.Errorf("task %q, want %q", got.taskID, tt.taskID)
			}
			if got.answered == (got.err != nil) {
				t.Errorf("answered %v with %v", got.answered, got.err)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	t.Attr("guards", "what a stranger wrote does not break a log or a terminal")
	t.Parallel()
	for in, want := range map[string]string{
		"":                              "",
		"a\r\nb\x1b[2J":                 "a  b [2J",
		"\xff":                          "?",
		strings.Repeat("a", 201):        strings.Repeat("a", 200),
		"ab" + strings.Repeat("会", 100): "ab" + strings.Repeat("会", 66),
	} {
		if got := oneLine(in, 200); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever comes back has a class, success is claimed only by an answer that
// says so in full, and nothing foreign gets past the limits on text.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		`{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","TaskId":"53743040_144115212910570789_4155518400_15723514"}`,
		`{"ActionStatus":"FAIL","ErrorCode":90047,"ErrorInfo":"daily quota"}`, `{"errorcode":0,"actionstatus":"OK"}`, `<html>`, `{`, `null`,
	} {
		for _, status := range []int{200, 204, 302, 404, 502} {
			f.Add(status, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := parseResponse(status, body)
		if a.class.String() == "invalid" {
			t.Fatalf("no class: %+v", a)
		}
		if a.class == ClassOK && (status != 200 || a.code != 0 || !a.known || !json.Valid(body)) {
			t.Fatalf("success out of %d %q", status, body)
		}
		if a.answered == (a.err != nil) {
			t.Fatalf("answered %v with %v", a.answered, a.err)
		}
		if s := oneLine(a.info, maxInfoBytes); len(s) > maxInfoBytes || !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x1b") {
			t.Fatalf("info %q", s)
		}
		var s streak
		class, _ := s.settle(a)
		e := &Error{Class: class, Code: a.code, Err: a.err}
		if (class == ClassOK) != (e.Error() == "push") {
			t.Fatalf("class %v says %q", class, e)
		}
	})
}
