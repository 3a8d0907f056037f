package pushsim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// push is the body of one push request, read as far as it is good.
type push struct {
	sender      string // From_Account; empty where not given
	random      uint32
	hasRandom   bool
	onlineOnly  bool
	who         condition
	condition   json.RawMessage // as sent; nil where absent
	messages    json.RawMessage // MsgBody as sent
	offline     json.RawMessage // OfflinePushInfo as sent; nil where absent
	ignored     []string        // members that the API does not know, "Condition.Tags"
	fingerprint [sha256.Size]byte
}

// knownFields are the members of a push that the API reads.
var knownFields = []string{"From_Account", "MsgRandom", "OnlineOnlyFlag", "Condition", "MsgBody", "OfflinePushInfo", "MsgLifeTime"}

// parsePush reads and judges a body, in the order of the reference's §7.1. attr
// reports whether an app has an attribute name. What was understood is
// returned beside a refusal too, for the log.
func parsePush(body []byte, attr func(name string) bool, strict bool) (push, refusal) {
	var p push
	f, r := parseBody(body)
	if r.given() {
		return p, r
	}
	p.note(f)
	raw, _ := f.get("MsgRandom")
	random, ok := parseUint(raw, 32)
	if !ok {
		return p, refuse(codeBadMsgRandom, "MsgRandom is missing or no unsigned 32-bit integer")
	}
	p.random, p.hasRandom = uint32(random), true
	if p.sender, ok = f.text("From_Account"); !ok {
		return p, refuse(codeBadAccountType, "From_Account is no string")
	}
	if p.onlineOnly, ok = f.flag("OnlineOnlyFlag"); !ok {
		return p, refuse(codeBadFormat, "OnlineOnlyFlag is neither 0 nor 1")
	}
	if r := judgeMsgBody(f); r.given() {
		return p, r
	}
	if r := judgeLifeTime(f); r.given() {
		return p, r
	}
	if r := judgeOffline(f); r.given() {
		return p, r
	}
	who, ignored, r := parseCondition(f, attr, strict)
	p.who = who
	p.ignored = append(p.ignored, ignored...)
	return p, r
}

// parseBody tells the gateway's failure (no JSON object at all, 60003) from the
// service's (an object that does not parse, 90001). The line between them is
// ours; the page says only that both exist.
func parseBody(body []byte) (fields, refusal) {
	f, ok := parseObject(body)
	switch {
	case ok:
		return f, refusal{}
	case bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte{'{'}):
		return nil, refuse(codeBadJSON, "the JSON does not parse")
	}
	return nil, refuse(codeNoJSON, "the body is no JSON object")
}

// note keeps what the log shows, before anything is judged.
func (p *push) note(f fields) {
	p.condition, _ = f.get("Condition")
	p.messages, _ = f.get("MsgBody")
	p.offline, _ = f.get("OfflinePushInfo")
	for name := range f {
		if !slices.Contains(knownFields, name) {
			p.ignored = append(p.ignored, name)
		}
	}
	slices.Sort(p.ignored)
	// Marshalling sorts and compacts, so a resend that was encoded anew has the
	// same fingerprint.
	text, err := json.Marshal(f)
	if err != nil {
		panic("pushsim: parsed JSON does not marshal: " + err.Error())
	}
	p.fingerprint = sha256.Sum256(text)
}

func judgeMsgBody(f fields) refusal {
	raw, ok := f.get("MsgBody")
	if !ok {
		return refuse(codeBadMsgBody, "MsgBody is missing")
	}
	list, ok := parseArray(raw)
	if !ok {
		return refuse(codeMsgBodyNoArray, "MsgBody is no array")
	}
	if len(list) == 0 {
		return refuse(codeBadMsgBody, "MsgBody is empty")
	}
	custom := 0
	for i, item := range list {
		element, ok := parseObject(item)
		if !ok {
			return refuse(codeBadMsgBody, fmt.Sprintf("MsgBody[%d] is no object", i))
		}
		kind, why := judgeElement(element)
		if why != "" {
			return refuse(codeBadFormat, fmt.Sprintf("MsgBody[%d]: %s", i, why))
		}
		if kind == "TIMCustomElem" {
			custom++
		}
	}
	if custom > 1 {
		return refuse(codeBadFormat, "MsgBody has more than one TIMCustomElem")
	}
	return refusal{}
}

func judgeLifeTime(f fields) refusal {
	raw, ok := f.get("MsgLifeTime")
	if !ok {
		return refusal{}
	}
	seconds, ok := parseUint(raw, 64)
	if !ok {
		return refuse(codeBadLifeTime, "MsgLifeTime is no integer")
	}
	if seconds > limitLifeTime {
		return refuse(codeLifeTimeTooLong, "MsgLifeTime is over 7 days")
	}
	return refusal{}
}

// judgeOffline checks the documented members only: the two vendor objects grow,
// and what is in them is passed on.
func judgeOffline(f fields) refusal {
	raw, ok := f.get("OfflinePushInfo")
	if !ok {
		return refusal{}
	}
	info, ok := parseObject(raw)
	if !ok {
		return refuse(codeBadOffline, "OfflinePushInfo is no object")
	}
	if _, ok := info.flag("PushFlag"); !ok {
		return refuse(codeBadOffline, "PushFlag is neither 0 nor 1")
	}
	for _, name := range []string{"Title", "Desc", "Ext"} {
		if _, ok := info.text(name); !ok {
			return refuse(codeBadOffline, name+" is no string")
		}
	}
	for _, name := range []string{"AndroidInfo", "ApnsInfo"} {
		if raw, ok := info.get(name); ok {
			if _, ok := parseObject(raw); !ok {
				return refuse(codeBadOffline, name+" is no object")
			}
		}
	}
	return refusal{}
}

// validUserID reports whether id can be an account: 1 to 32 bytes of letters,
// digits, _ and -.
func validUserID(id string) bool {
	return id != "" && len(id) <= limitUserIDBytes && strings.IndexFunc(id, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}) < 0
}
