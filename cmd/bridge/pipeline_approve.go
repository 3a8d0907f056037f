package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"pushbridge/internal/bridge"
)

// approvals is the answer of GET /api/v1/approvals. Only the writer knows what waits.
type approvals struct {
	Error   string     `json:"error,omitempty"` // why nothing is known
	Total   int        `json:"total"`           // texts, of which the first are listed
	Waiting []approval `json:"waiting"`         // what ends first first
}

// approval is a message that waits for it.
type approval struct {
	ID       string    `json:"id"`
	Rule     string    `json:"rule"`
	Lane     string    `json:"lane,omitempty"`
	Key      string    `json:"key,omitempty"`
	Text     string    `json:"text"`
	Message  any       `json:"message"` // as the API would be told it
	Audience []string  `json:"audience"`
	Events   int       `json:"events"`
	By       int       `json:"by"`
	Until    time.Time `json:"until"`
	Approved []granted `json:"approved,omitempty"`
}

type granted struct {
	Author  string    `json:"author"`
	Comment string    `json:"comment"`
	At      time.Time `json:"at"`
}

// grantAsk is the body of POST /api/v1/approvals, and grantAnswer what became of it.
type grantAsk struct {
	ID      string `json:"id"`
	Author  string `json:"author"`
	Comment string `json:"comment"`
}

type grantAnswer struct {
	Error    string `json:"error,omitempty"`
	Released int    `json:"released"` // events
	Missing  int    `json:"missing"`  // people who must still approve
}

// approveWithin is how long the journal may take to have an approval.
const approveWithin = 10 * time.Second

const (
	maxAuthor  = 128
	maxComment = 1024
)

var approvalID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// check tidies what was asked and says what is wrong with it.
func (g *grantAsk) check() error {
	g.Author, g.Comment = strings.TrimSpace(g.Author), strings.TrimSpace(g.Comment)
	switch {
	case !approvalID.MatchString(g.ID):
		return fmt.Errorf("id %q: want 32 of 0-9 and a-f, as bridge approve list prints it", g.ID)
	case g.Author == "" || len(g.Author) > maxAuthor || !utf8.ValidString(g.Author):
		return fmt.Errorf("author: want who approves, in 1 to %d bytes", maxAuthor)
	case g.Comment == "" || len(g.Comment) > maxComment || !utf8.ValidString(g.Comment):
		return fmt.Errorf("comment: want a word for who reads the journal, in 1 to %d bytes", maxComment)
	}
	return nil
}

func (p *pipeline) approvals(ctx context.Context) any {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	list, total, err := p.bridge.Unread(ctx)
	out := approvals{Total: total, Waiting: []approval{}}
	if err != nil {
		out.Error = err.Error()
	}
	for i := range list {
		x := &list[i]
		a := approval{
			ID: x.ID, Rule: x.Rule, Lane: x.Lane, Key: x.Key, Text: x.Message.Text(), Message: x.Message, Audience: x.Audience,
			Events: x.Events, By: x.By, Until: x.Until.UTC(),
		}
		for _, g := range x.Given {
			a.Approved = append(a.Approved, granted{Author: g.Author, Comment: g.Comment, At: g.At})
		}
		out.Waiting = append(out.Waiting, a)
	}
	return out
}

// onApprove is the action behind POST /api/v1/approvals.
func (p *pipeline) onApprove(ctx context.Context, body []byte) (int, any) {
	var ask grantAsk
	if err := json.Unmarshal(body, &ask); err != nil {
		return http.StatusBadRequest, grantAnswer{Error: fmt.Sprintf(`decode the approval: %v; send {"id": "…", "author": "…", "comment": "…"}`, err)}
	}
	if err := ask.check(); err != nil {
		return http.StatusBadRequest, grantAnswer{Error: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, approveWithin)
	defer cancel()
	done, err := p.bridge.Approve(ctx, ask.ID, ask.Author, ask.Comment)
	answer := grantAnswer{Released: done.Released, Missing: done.Missing}
	if err == nil {
		return http.StatusOK, answer
	}
	answer.Error = err.Error()
	switch {
	case errors.Is(err, bridge.ErrNotWaiting):
		return http.StatusNotFound, answer
	case errors.Is(err, bridge.ErrTwice):
		return http.StatusConflict, answer
	case errors.Is(err, bridge.ErrNoAnswer):
		return http.StatusGatewayTimeout, answer
	}
	return http.StatusServiceUnavailable, answer
}
