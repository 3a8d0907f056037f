package pushsim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// want compares members of an answer.
func (w *world) want(r reply, members string) {
	w.Helper()
	var want, got map[string]any
	if err := json.Unmarshal([]byte(members), &want); err != nil {
		w.Fatal(err)
	}
	if err := json.Unmarshal(r.Body, &got); err != nil {
		w.Fatalf("%s: %v", r.Body, err)
	}
	for _, envelope := range []string{"ActionStatus", "ErrorCode", "ErrorInfo"} {
		if _, ok := got[envelope]; !ok {
			w.Errorf("no %s in %s", envelope, r.Body)
		}
		delete(got, envelope)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("answer (-want +got):\n%s", diff)
	}
}

const nobody = `"ErrorList":[{"To_Account":"x","ErrorCode":70107,"ErrorInfo":"the account is not imported"}]`

// The way of an app: import, name attributes, set, read, push, take away.
func TestUsersAreSetUpTheWayAnAppWould(t *testing.T) {
	t.Attr("guards", "sibling endpoints")
	t.Parallel()
	inWorld(t, Config{Interval: -1}, func(w *world) {
		for _, id := range []string{"a", "b"} {
			r := w.post("/v4/im_open_login_svc/account_import", query().Encode(), fmt.Sprintf(`{"UserID":%q}`, id))
			if r.ErrorCode != 0 {
				t.Fatalf("import: %+v", r)
			}
		}
		w.api("set_attr_name", `{"AttrNames":{"0":"sex","1":"city"},"AttrTypes":{"0":0}}`)
		w.want(w.api("get_attr_name", `{}`), `{"AttrNames":{"0":"sex","1":"city"}}`)
		w.want(w.api("set_attr", `{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"f","city":"x"}},{"To_Account":"x","Attrs":{"sex":"m"}}]}`), `{`+nobody+`}`)
		w.want(w.api("get_attr", `{"To_Account":["a","b","x"]}`),
			`{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"f","city":"x"}},{"To_Account":"b","Attrs":{}}],`+nobody+`}`)
		w.api("add_tag", `{"UserTags":[{"To_Account":"a","Tags":["t","u"]},{"To_Account":"b","Tags":["t"]}]}`)
		w.api("add_tag", `{"Replace":0,"UserTags":[{"To_Account":"a","Tags":["u","v"]}]}`)
		w.want(w.api("get_tag", `{"To_Account":["a","x"]}`), `{"UserTags":[{"To_Account":"a","Tags":["t","u","v"]}],`+nobody+`}`)

		reach := func(condition string, want ...string) {
			t.Helper()
			id := w.pushed(`"OnlineOnlyFlag":1,"Condition":` + condition).TaskID
			if diff := cmp.Diff(want, w.got(id)); diff != "" {
				t.Errorf("%s reached (-want +got):\n%s", condition, diff)
			}
		}
		reach(`{"TagsOr":["t"]}`, "a", "b")
		reach(`{"AttrsOr":{"city":"x"}}`, "a")
		w.api("set_attr", `{"UserAttrs":[{"To_Account":"b","Attrs":{"city":"x"}},{"To_Account":"a","Attrs":{"city":"y"}}]}`)
		reach(`{"AttrsOr":{"city":"x"}}`, "b")
		w.api("remove_attr", `{"UserAttrs":[{"To_Account":"b","Attrs":["city","sex"]}]}`)
		reach(`{"AttrsOr":{"city":"x"}}`)
		w.api("remove_tag", `{"UserTags":[{"To_Account":"a","Tags":["t","never"]}]}`)
		reach(`{"TagsOr":["t"]}`, "b")
		w.api("add_tag", `{"Replace":1,"UserTags":[{"To_Account":"a","Tags":["w"]}]}`)
		reach(`{"TagsOr":["u","v"]}`)
		reach(`{"TagsAnd":["w"]}`, "a")
		w.api("clear_all_tags", `{"To_Account":["a"]}`)
		reach(`{"TagsOr":["w"]}`)
		w.want(w.api("remove_all_tags", `{"To_Account":["b","x"]}`), `{`+nobody+`}`)
		reach(`{"TagsOr":["t"]}`)
	})
}

func accountList(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf(`"u%d"`, i)
	}
	return strings.Join(ids, ",")
}

func tagItemList(n int, tag string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"To_Account":"u%d","Tags":["%s"]}`, i, tag)
	}
	return strings.Join(items, ",")
}

func TestLimitsOfTheSiblingEndpoints(t *testing.T) {
	t.Attr("guards", "sibling endpoints")
	t.Parallel()
	for name, tt := range map[string]struct {
		endpoint, body string
		want           int
	}{
		"100 accounts":             {"get_tag", `{"To_Account":[` + accountList(100) + `]}`, codeOK},
		"101 accounts":             {"get_tag", `{"To_Account":[` + accountList(101) + `]}`, codeTooManyAccounts},
		"101 tagged accounts":      {"add_tag", `{"UserTags":[` + tagItemList(101, "t") + `]}`, codeTooManyAccounts},
		"no accounts":              {"clear_all_tags", `{"To_Account":[]}`, codeBadJSON},
		"no UserTags":              {"add_tag", `{}`, codeBadJSON},
		"item without account":     {"add_tag", `{"UserTags":[{"Tags":["t"]}]}`, codeBadJSON},
		"tags no strings":          {"remove_tag", `{"UserTags":[{"To_Account":"u0","Tags":[1]}]}`, codeBadJSON},
		"10 tags at once":          {"add_tag", `{"UserTags":[{"To_Account":"u0","Tags":` + tagList(10, "t#") + `}]}`, codeOK},
		"11 tags at once":          {"add_tag", `{"UserTags":[{"To_Account":"u0","Tags":` + tagList(11, "t#") + `}]}`, codeTooManyTags},
		"100 tags in place":        {"add_tag", `{"Replace":1,"UserTags":[{"To_Account":"u0","Tags":` + tagList(100, "t#") + `}]}`, codeOK},
		"101 tags in place":        {"add_tag", `{"Replace":1,"UserTags":[{"To_Account":"u0","Tags":` + tagList(101, "t#") + `}]}`, codeTooManyTags},
		"Replace 2":                {"add_tag", `{"Replace":2,"UserTags":[{"To_Account":"u0","Tags":["t"]}]}`, codeBadJSON},
		"tag of 51 bytes":          {"add_tag", `{"UserTags":[` + tagItemList(1, strings.Repeat("x", 51)) + `]}`, codeTagTooLong},
		"tag empty":                {"add_tag", `{"UserTags":[` + tagItemList(1, "") + `]}`, codeTagEmpty},
		"attribute not set up":     {"set_attr", `{"UserAttrs":[{"To_Account":"u0","Attrs":{"shoe":"1"}}]}`, codeBadAttribute},
		"attribute value 50 bytes": {"set_attr", `{"UserAttrs":[{"To_Account":"u0","Attrs":{"city":"` + strings.Repeat("x", 50) + `"}}]}`, codeOK},
		"attribute value 51 bytes": {"set_attr", `{"UserAttrs":[{"To_Account":"u0","Attrs":{"city":"` + strings.Repeat("x", 51) + `"}}]}`, codeBadAttribute},
		"attribute value a number": {"set_attr", `{"UserAttrs":[{"To_Account":"u0","Attrs":{"city":1}}]}`, codeBadAttribute},
		"unknown name removed":     {"remove_attr", `{"UserAttrs":[{"To_Account":"u0","Attrs":["shoe"]}]}`, codeBadAttribute},
		"attribute name number 10": {"set_attr_name", `{"AttrNames":{"10":"x"}}`, codeBadAttribute},
		"attribute name twice":     {"set_attr_name", `{"AttrNames":{"1":"city"}}`, codeBadAttribute},
		"attribute name again":     {"set_attr_name", `{"AttrNames":{"0":"city"}}`, codeOK},
		"attribute name 51 bytes":  {"set_attr_name", `{"AttrNames":{"1":"` + strings.Repeat("x", 51) + `"}}`, codeBadAttribute},
		"report of 6 tasks":        {"all_member_push_statistics", `{"StartTime":1,"EndTime":2,"TaskID":["1","2","3","4","5","6"]}`, codeBadJSON},
		"report of 31 days":        {"all_member_push_statistics", `{"StartTime":0,"EndTime":2592001}`, codeBadJSON},
		"report backwards":         {"all_member_push_statistics", `{"StartTime":2,"EndTime":1}`, codeBadJSON},
		"body broken":              {"revoke", `{"TaskId":`, codeBadJSON},
		"body empty":               {"get_attr_name", ``, codeNoJSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{}, func(w *world) {
				w.users(101)
				if err := w.sim.NameAttributes("city"); err != nil {
					t.Fatal(err)
				}
				if r := w.tryAPI(tt.endpoint, tt.body); r.Err != nil || r.ErrorCode != tt.want {
					t.Errorf("got %+v, want %d", r, tt.want)
				}
			})
		})
	}
}

func TestRoomForTags(t *testing.T) {
	t.Attr("guards", "sibling endpoints")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.users(11)
		ten := func(user, from int) string {
			tags := make([]string, 10)
			for i := range tags {
				tags[i] = fmt.Sprintf(`"t%d"`, from+i)
			}
			return fmt.Sprintf(`{"UserTags":[{"To_Account":"u%d","Tags":[%s]}]}`, user, strings.Join(tags, ","))
		}
		for user := range 10 {
			for i := range 10 {
				w.api("add_tag", ten(user, user*100+i*10))
			}
			time.Sleep(time.Second) // 200 requests a second
		}
		for name, body := range map[string]string{
			"tag 101 of a user":  `{"UserTags":[{"To_Account":"u0","Tags":["t999"]}]}`,
			"tag 1001 of an app": `{"UserTags":[{"To_Account":"u10","Tags":["t1000"]}]}`,
		} {
			if r := w.tryAPI("add_tag", body); r.ErrorCode != codeTooManyTags {
				t.Errorf("%s: %+v", name, r)
			}
		}
		w.api("add_tag", `{"UserTags":[{"To_Account":"u0","Tags":["t0"]},{"To_Account":"u10","Tags":["t999"]}]}`)
		w.api("remove_tag", `{"UserTags":[{"To_Account":"u0","Tags":["t0"]}]}`)
		w.api("add_tag", `{"UserTags":[{"To_Account":"u10","Tags":["t1000"]}]}`) // the last one with t0 let it go
	})
}

func TestStatistics(t *testing.T) {
	t.Attr("guards", "sibling endpoints")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.users(400)
		from := time.Now().Unix()
		id := w.pushed("").TaskID
		time.Sleep(1500 * time.Millisecond)
		w.pushed(`"OnlineOnlyFlag":1`)
		ask := func(ids string) reply {
			return w.tryAPI("all_member_push_statistics", fmt.Sprintf(`{"StartTime":%d,"EndTime":%d,"TaskID":[%s]}`, from, from+10, ids))
		}
		w.want(ask(`"`+id+`","unknown"`), `{"Results":[{"TaskID":"`+id+`","TotalCount":400,"SentCount":300,"DeliveredCount":300,"ClickCount":0,"PlatformStatistics":[]}]}`)
		if r := ask(""); r.ErrorCode != codeTooManyRequests {
			t.Errorf("twice a second: %+v", r)
		}
		time.Sleep(time.Second)
		w.want(ask(""), `{"Results":[{"TaskID":"","TotalCount":800,"SentCount":800,"DeliveredCount":800,"ClickCount":0,"PlatformStatistics":[]}]}`)
	})
}
