package pushsim

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// pageCodes are the codes of the table "Error codes and what the bridge does"
// of push-api.md, row by row.
var pageCodes = []int{
	0, 90001, 90002, 90007, 90010, 90005, 90009, 90020, 90022, 90024, 90026, 90032, 90033, 90039, 90040, 90045, 90047,
	90049, 90050, 90051, 90052, 90056, 91000, 60002, 60003, 60004, 60005, 60010, 60012, 60006, 60016, 60017, 60020,
	60007, 60011, 60018, 60019, 60008, 60014, 60009, 60021, 70001, 70002, 70003, 70005, 70009, 70013, 70014, 70016, 70020,
	70050, 70051, 70169, 70202, 70206, 70107, 70402, 70403, 70500,
}

// programmed are those that the simulator cannot judge for a push: they speak
// of the vendor's inside.
var programmed = []int{
	91000, 60010, 60017, 60011, 60018, 60019, 60008, 60014, 70005, 70016, 70051, 70169, 70202, 70206, 70107, 70403, 70500,
}

// violation is one mistake that a caller makes, for the code it must get.
type violation struct {
	code  int
	cfg   func(*Config)
	query func(url.Values)
	// do makes the call that must get the code; nil pushes body or, if that is
	// empty too, a good push with members.
	do            func(w *world) reply
	body, members string
}

func tagList(n int, tag string) string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("%q", strings.ReplaceAll(tag, "#", fmt.Sprint(i)))
	}
	return "[" + strings.Join(tags, ",") + "]"
}

var violations = map[string]violation{
	"good":                       {code: 0},
	"JSON broken":                {code: 90001, body: `{"MsgRandom":1,`},
	"a comment":                  {code: 90001, body: `{"MsgRandom":1 /* x */}`},
	"body no UTF-8":              {code: 90001, body: "{\"From_Account\":\"\xff\"}"},
	"trailing text":              {code: 90001, body: `{"MsgRandom":1} {}`},
	"no body":                    {code: 60003, do: func(w *world) reply { return w.post(pushPath, query().Encode(), "") }},
	"an array":                   {code: 60003, body: `[]`},
	"no MsgBody":                 {code: 90002, body: `{"MsgRandom":1}`},
	"MsgBody null":               {code: 90002, body: `{"MsgRandom":1,"MsgBody":null}`},
	"MsgBody empty":              {code: 90002, body: `{"MsgRandom":1,"MsgBody":[]}`},
	"element no object":          {code: 90002, body: `{"MsgRandom":1,"MsgBody":["x"]}`},
	"MsgBody no array":           {code: 90007, body: `{"MsgRandom":1,"MsgBody":{}}`},
	"MsgType unknown":            {code: 90010, body: `{"MsgRandom":1,"MsgBody":[{"MsgType":"TIMRelayElem","MsgContent":{}}]}`},
	"field name in another case": {code: 90010, body: `{"MsgRandom":1,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"text":"x"}}]}`},
	"OnlineOnlyFlag 2":           {code: 90010, members: `"OnlineOnlyFlag":2`},
	"no MsgRandom":               {code: 90005, body: `{"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"x"}}]}`},
	"MsgRandom a string":         {code: 90005, body: `{"MsgRandom":"1","MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"x"}}]}`},
	"MsgRandom a fraction":       {code: 90005, body: `{"MsgRandom":1.0,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"x"}}]}`},
	"MsgRandom of 33 bits":       {code: 90005, body: `{"MsgRandom":4294967296,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"x"}}]}`},
	"From_Account a number":      {code: 60015, members: `"From_Account":1`},
	"no administrator": {code: 90009, query: func(q url.Values) {
		q.Set("identifier", "u1")
		q.Set("usersig", sign(testApp, testKey, "u1", time.Now(), 60))
	}},
	"tag of 51 bytes":          {code: 90020, members: `"Condition":{"TagsOr":["` + strings.Repeat("x", 51) + `"]}`},
	"tag of 17 characters":     {code: 90020, members: `"Condition":{"TagsAnd":["` + strings.Repeat("会", 17) + `"]}`},
	"tag of 50 bytes":          {code: 0, members: `"Condition":{"TagsOr":["` + strings.Repeat("x", 50) + `"]}`},
	"tag repeated":             {code: 90022, members: `"Condition":{"TagsOr":["a","b","a"]}`},
	"11 tags":                  {code: 90032, members: `"Condition":{"TagsAnd":` + tagList(11, "t#") + `}`},
	"10 tags":                  {code: 0, members: `"Condition":{"TagsAnd":` + tagList(10, "t#") + `}`},
	"attribute unknown":        {code: 90033, members: `"Condition":{"AttrsOr":{"shoe":"42"}}`},
	"attribute value empty":    {code: 90033, members: `"Condition":{"AttrsOr":{"city":""}}`},
	"attribute value long":     {code: 90033, members: `"Condition":{"AttrsAnd":{"city":"` + strings.Repeat("x", 51) + `"}}`},
	"attribute value a number": {code: 90033, members: `"Condition":{"AttrsAnd":{"city":1}}`},
	"attribute good":           {code: 0, members: `"Condition":{"AttrsAnd":{"city":"nanjing"}}`},
	"tags and attributes":      {code: 90039, members: `"Condition":{"TagsOr":["a"],"AttrsOr":{"city":"x"}}`},
	"two of one family":        {code: 90039, members: `"Condition":{"TagsOr":["a"],"TagsAnd":["b"]}`},
	"a null key is absent":     {code: 0, members: `"Condition":{"TagsOr":["a"],"AttrsOr":null}`},
	"tag empty":                {code: 90040, members: `"Condition":{"TagsOr":["a",""]}`},
	"tag null":                 {code: 90040, members: `"Condition":{"TagsOr":[null]}`},
	"TagsOr a string":          {code: 90010, members: `"Condition":{"TagsOr":"a"}`},
	"Condition a string":       {code: 90010, members: `"Condition":"a"`},
	"Condition says nothing, strictly": {
		code: 90010, cfg: func(c *Config) { c.StrictCondition = true }, members: `"Condition":{"Tags":["a"]}`,
	},
	"storage over 7 days":         {code: 90026, members: `"MsgLifeTime":604801`},
	"storage of 7 days":           {code: 0, members: `"MsgLifeTime":604800`},
	"storage negative":            {code: 90044, members: `"MsgLifeTime":-1`},
	"PushFlag 2":                  {code: 90043, members: `"OfflinePushInfo":{"PushFlag":2}`},
	"Ext an object":               {code: 90043, members: `"OfflinePushInfo":{"Ext":{}}`},
	"AndroidInfo a list":          {code: 90043, members: `"OfflinePushInfo":{"AndroidInfo":[]}`},
	"unknown vendor fields pass":  {code: 0, members: `"OfflinePushInfo":{"PushFlag":1,"Title":"t","ApnsInfo":{"New":[1]}}`},
	"feature off":                 {code: 90045, cfg: func(c *Config) { c.Apps[0].PushOff = true }},
	"body of 10,241 bytes":        {code: 90056, body: "{" + strings.Repeat(" ", 10240-1) + "}"},
	"body of 10,240 bytes":        {code: 90005, body: "{" + strings.Repeat(" ", 10240-2) + "}"},
	"query broken":                {code: 60002, do: func(w *world) reply { return w.post(pushPath, "sdkappid=1;b", w.body("")) }},
	"contenttype wrong":           {code: 60002, query: func(q url.Values) { q.Set("contenttype", "xml") }},
	"random over 32 bits":         {code: 60002, query: func(q url.Values) { q.Set("random", "4294967296") }},
	"no identifier":               {code: 60004, query: func(q url.Values) { q.Del("identifier") }},
	"no usersig":                  {code: 60005, query: func(q url.Values) { q.Del("usersig") }},
	"no sdkappid":                 {code: 60012, query: func(q url.Values) { q.Del("sdkappid") }},
	"sdkappid no number":          {code: 60006, query: func(q url.Values) { q.Set("sdkappid", "x") }},
	"app disabled":                {code: 60016, cfg: func(c *Config) { c.Apps[0].Disabled = true }},
	"plan expired":                {code: 60020, cfg: func(c *Config) { c.Apps[0].PlanExpired = true }},
	"address not allowed":         {code: 60021, cfg: func(c *Config) { c.Apps[0].AllowedIPs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }},
	"another path":                {code: 60009, do: func(w *world) reply { return w.post("/v4/all_member_push/im_push", query().Encode(), w.body("")) }},
	"usersig empty":               {code: 70002, query: func(q url.Values) { q.Set("usersig", "") }},
	"usersig cut":                 {code: 70003, query: func(q url.Values) { q.Set("usersig", q.Get("usersig")[:40]) }},
	"usersig of plain base64":     {code: 70003, query: func(q url.Values) { q.Set("usersig", "eyJhIjoxfQ__") }},
	"usersig with another key":    {code: 70009, query: func(q url.Values) { q.Set("usersig", sign(testApp, "x", testAdmin, time.Now(), 60)) }},
	"usersig for another account": {code: 70013, query: func(q url.Values) { q.Set("usersig", sign(testApp, testKey, "u1", time.Now(), 60)) }},
	"usersig for another app":     {code: 70014, query: func(q url.Values) { q.Set("usersig", sign(7, testKey, testAdmin, time.Now(), 60)) }},
	"usersig expired by one second": {code: 70001, query: func(q url.Values) {
		q.Set("usersig", sign(testApp, testKey, testAdmin, time.Now().Add(-61*time.Second), 60))
	}},
	"usersig in its last second": {code: 0, query: func(q url.Values) {
		q.Set("usersig", sign(testApp, testKey, testAdmin, time.Now().Add(-60*time.Second), 60))
	}},
	"app unknown": {code: 70020, query: func(q url.Values) { q.Set("sdkappid", "7") }},
	"too many bad usersigs": {code: 70050, cfg: func(c *Config) { c.LockAfter = 2 }, do: func(w *world) reply {
		q := query()
		q.Set("usersig", "x")
		for range 2 {
			if r := w.post(pushPath, q.Encode(), w.body("")); r.ErrorCode != 70003 {
				w.Fatalf("bad signature: %+v", r)
			}
		}
		return w.push("") // a good one, while locked
	}},
	"too soon": {code: 90024, do: func(w *world) reply {
		w.pushed("")
		return w.push("")
	}},
	"quota spent": {code: 90047, cfg: func(c *Config) { c.Quota, c.Interval = 1, -1 }, do: func(w *world) reply {
		w.pushed("")
		return w.push("")
	}},
	"too many requests a second": {code: 60007, cfg: func(c *Config) { c.RequestsPerSecond = 2 }, do: func(w *world) reply {
		w.api("get_attr_name", "{}")
		w.api("get_attr_name", "{}")
		return w.push("")
	}},
	"bad user id imported": {code: 70402, do: func(w *world) reply {
		return w.post("/v4/im_open_login_svc/account_import", query().Encode(), `{"UserID":"a b"}`)
	}},
	"recall of an unknown task": {code: 90049, do: func(w *world) reply { return w.tryAPI("revoke", `{"TaskId":"x"}`) }},
	"recall twice": {code: 90050, do: func(w *world) reply {
		id := w.pushed("").TaskID
		w.api("revoke", `{"TaskId":"`+id+`"}`)
		time.Sleep(time.Second)
		return w.tryAPI("revoke", `{"TaskId":"`+id+`"}`)
	}},
	"recall too often": {code: 90051, do: func(w *world) reply {
		w.api("revoke", `{"TaskId":"`+w.pushed("").TaskID+`"}`)
		time.Sleep(time.Second - 1)
		return w.tryAPI("revoke", `{"TaskId":"x"}`)
	}},
	"recall too late": {code: 90052, do: func(w *world) reply {
		id := w.pushed("").TaskID
		time.Sleep(24*time.Hour + 1)
		return w.tryAPI("revoke", `{"TaskId":"`+id+`"}`)
	}},
}

func TestEveryViolationGetsItsCode(t *testing.T) {
	t.Attr("guards", "error codes")
	t.Parallel()
	for name, tt := range violations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Apps: []App{{SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin}}}}
			if tt.cfg != nil {
				tt.cfg(&cfg)
			}
			inWorld(t, cfg, func(w *world) {
				if err := w.sim.NameAttributes("city", "level"); err != nil {
					t.Fatal(err)
				}
				do := tt.do
				if do == nil {
					do = func(w *world) reply {
						q, body := query(), tt.body
						if tt.query != nil {
							tt.query(q)
						}
						if body == "" {
							body = w.body(tt.members)
						}
						return w.post(pushPath, q.Encode(), body)
					}
				}
				got := do(w)
				status := map[bool]string{true: "OK", false: "FAIL"}[tt.code == 0]
				if got.Err != nil || got.Status != 200 || got.ErrorCode != tt.code || got.ActionStatus != status {
					t.Fatalf("got %+v, want code %d and HTTP 200", got, tt.code)
				}
				if (tt.code == 0) != (got.ErrorInfo == "") {
					t.Errorf("ErrorInfo = %q", got.ErrorInfo)
				}
				for _, secret := range []string{testKey, query().Get("usersig")} {
					if strings.Contains(string(got.Body), secret) {
						t.Errorf("the answer tells a secret: %s", got.Body)
					}
				}
			})
		})
	}
}

func TestEveryCodeOfThePageCanBeProgrammed(t *testing.T) {
	t.Attr("guards", "error codes")
	t.Parallel()
	for _, code := range pageCodes[1:] {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{Faults: []Fault{{Kind: FaultCode, Code: code, Info: "as told"}}}, func(w *world) {
				if r := w.push(""); r.ErrorCode != code || r.ActionStatus != "FAIL" || r.ErrorInfo != "as told" || r.TaskID != "" {
					t.Errorf("first call: %+v, want code %d", r, code)
				}
				w.pushed("") // only once, and the refused call left no trace in the interval
			})
		})
	}
}

func TestViolationsCoverThePage(t *testing.T) {
	t.Attr("guards", "error codes")
	t.Parallel()
	var judged []int
	for _, v := range violations {
		judged = append(judged, v.code)
	}
	for _, code := range pageCodes {
		if byMistake, byFault := slices.Contains(judged, code), slices.Contains(programmed, code); byMistake == byFault {
			t.Errorf("code %d: judged %v, programmed %v; want exactly one", code, byMistake, byFault)
		}
	}
}
