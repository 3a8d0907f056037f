package pushapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// maxAnswerBytes is a hundred times the longest answer of the API. What is
// longer comes from something else.
const maxAnswerBytes = 64 << 10

// answer is what a response says, before the calls that went before it are
// taken into account.
type answer struct {
	rule
	code     int
	info     string
	taskID   string
	answered bool  // the API itself spoke: it was done with the call by then
	err      error // why the response is no answer, nil if it is one
}

// parseResponse reads a response. The API answers 200 whatever it decides, so
// another status without its JSON is a gateway's or a proxy's.
func parseResponse(status int, body []byte) answer {
	var wire struct {
		ActionStatus string
		ErrorCode    *int
		ErrorInfo    text
		TaskID       text `json:"TaskId"`
	}
	err := json.Unmarshal(body, &wire)
	if err == nil && wire.ErrorCode == nil {
		err = errors.New("no ErrorCode")
	}
	if err != nil {
		return foreign(status, err)
	}
	a := answer{
		rule: ruleOf(*wire.ErrorCode), code: *wire.ErrorCode,
		info: string(wire.ErrorInfo), taskID: string(wire.TaskID), answered: true,
	}
	// An answer that contradicts itself tells us only that somebody received the
	// call. With a code other than 0 the code is what the page says to read.
	if a.code == 0 && (wire.ActionStatus != "OK" || status != http.StatusOK) {
		a.class, a.answered = ClassDoubt, false
		a.err = errors.New("answer contradicts itself: code 0, but not OK in its text or http status")
	}
	return a
}

// foreign classifies a response that the API did not write.
func foreign(status int, err error) answer {
	a := answer{err: fmt.Errorf("response is no answer of the push api: %w", err)}
	switch {
	case status == http.StatusGatewayTimeout:
		// A gateway that passed the call on and stopped waiting for the answer.
		a.class = ClassDoubt
	case status >= 500:
		// A gateway that could not reach the API. The page takes it as not done.
		a.class = ClassRetry
	case status >= 300:
		// Wrong domain or a proxy in between; redirects are not followed, because
		// the signature would go to whoever is named there.
		a.class, a.do = ClassConfig, doURL
	default:
		a.class = ClassDoubt
	}
	return a
}

// text is a JSON string. Other values are kept as they are written: a task id
// that turned into a number is no reason to doubt a success.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	*t = text(s)
	return nil
}
