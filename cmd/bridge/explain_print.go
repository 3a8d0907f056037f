package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"pushbridge/internal/explain"
	"pushbridge/internal/mapper"
)

// write writes the event for people.
func (x *explained) write(w io.Writer, verbose bool) error {
	var b strings.Builder
	if x.Error != "" {
		fmt.Fprintf(&b, "%s: %s\n  the event would be dead-lettered\n", x.place, x.Error)
	} else {
		fmt.Fprintf(&b, "%s %s (%s)\n", x.Event.Source, x.Event.ID, x.Event.Type)
	}
	switch {
	case x.Validation == mapper.ValidateReject.String():
		fmt.Fprintf(&b, "  %s\n  the event would be dead-lettered\n", x.Violation)
	case x.Violation != "":
		fmt.Fprintf(&b, "  warning: %s\n", x.Violation)
	}
	for i := range x.Rules {
		writeRule(&b, &x.Rules[i], x.Received, verbose)
	}
	_, err := io.WriteString(w, visible(b.String()))
	return err
}

func writeRule(b *strings.Builder, r *explain.Rule, received time.Time, verbose bool) {
	fmt.Fprintf(b, "  %s: %s", r.Rule, r.Finding)
	if r.Why != "" {
		b.WriteString(": " + r.Why)
	}
	b.WriteString("\n")
	if f := r.Failure; f != nil {
		fmt.Fprintf(b, "    %s: %s", f.Field, f.Error)
		if f.Value != "" {
			fmt.Fprintf(b, " (%q)", f.Value)
		}
		b.WriteString("\n    the event would be dead-lettered\n")
	}
	for i := range r.Filters {
		// Of those that must all hold the first that does not has kept the event away.
		if t := &r.Filters[i]; verbose || !t.Unasked && !isTrue(t) {
			writeTrace(b, t, "    ")
		}
	}
	if t := r.When; t != nil && (verbose || !isTrue(t)) {
		writeTrace(b, t, "    ")
	}
	for i := range r.Values {
		if verbose || r.Failure != nil && r.Failure.Field == r.Values[i].Field {
			writeTrace(b, &r.Values[i], "    ")
		}
	}
	if r.Delivery != nil {
		writeMatched(b, r, received)
	}
}

func isTrue(t *mapper.Trace) bool { return string(t.Value) == "true" }

// writeTrace writes an expression and its parts, each with its place and its value.
func writeTrace(b *strings.Builder, t *mapper.Trace, indent string) {
	value := string(t.Value)
	switch {
	case t.Error != "" && value != "":
		value += ", since it fails: " + t.Error
	case t.Error != "":
		value = "fails: " + t.Error
	case value == "":
		value = "without a value"
	}
	if t.Unasked {
		value += ", which decides nothing"
	}
	text := t.Text
	if t.Field != "" {
		text = t.Field + ": " + text
	}
	fmt.Fprintf(b, "%s%d:%d  %s  is  %s\n", indent, t.Line, t.Column, text, value)
	for i := range t.Parts {
		writeTrace(b, &t.Parts[i], indent+"  ")
	}
}

func writeMatched(b *strings.Builder, r *explain.Rule, received time.Time) {
	for _, a := range r.Audiences {
		fmt.Fprintf(b, "    audience  %s  %s\n", a.Audience, a.Condition)
	}
	if r.Text != "" {
		fmt.Fprintf(b, "    message   %s\n", strings.ReplaceAll(r.Text, "\n", "\n              "))
	} else {
		fmt.Fprintf(b, "    message   %s\n", r.Message.Body())
	}
	d := r.Delivery
	fmt.Fprintf(b, "    priority  %s\n", d.Priority)
	expired := ""
	if d.Expires.Before(received) {
		expired = ", which has passed: it would end expired"
	}
	fmt.Fprintf(b, "    push by   %s, expires %s%s\n", d.PushBy.Format(time.RFC3339), d.Expires.Format(time.RFC3339), expired)
	writeDelivery(b, d)
	for _, request := range r.Requests {
		fmt.Fprintf(b, "    request   %s\n", request)
	}
}

// visible spells out what would steer a terminal: events are other people's.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// late says of a release that it comes too late.
func late(d *explain.Delivery, release time.Time) string {
	if release.Before(d.Expires) {
		return ""
	}
	return ", when it has expired"
}

// writeDelivery writes what follows the deadlines.
func writeDelivery(b *strings.Builder, d *explain.Delivery) {
	coalesce := d.Mode
	if d.Key != "" {
		coalesce += " by " + d.Key
	}
	if d.Scope != "" {
		coalesce += " in scope " + d.Scope
	}
	if d.MaxMessages > 0 {
		coalesce += fmt.Sprintf(", %s a call, overflow %s", count(d.MaxMessages, "message"), d.Overflow)
	}
	fmt.Fprintf(b, "    coalesce  %s\n", coalesce)
	if d.Lane != "" {
		fmt.Fprintf(b, "    lane      %s\n", d.Lane)
	}
	if d.Pool != "" {
		fmt.Fprintf(b, "    pool      %s\n", d.Pool)
	}
	if d.NotBefore != nil {
		fmt.Fprintf(b, "    held      until %s%s\n", d.NotBefore.Format(time.RFC3339), late(d, *d.NotBefore))
	}
	if a := d.Active; a != nil {
		state := "open"
		switch {
		case a.Opens != nil:
			state = "held until " + a.Opens.Format(time.RFC3339) + late(d, *a.Opens)
		case !a.Open:
			state = "held, it does not open again"
		}
		fmt.Fprintf(b, "    active    %s: %s\n", a.Name, state)
	}
	if f := d.Frequency; f != nil {
		fmt.Fprintf(b, "    frequency at most %d per %s to a user\n", f.AtMost, f.Per)
	}
	if s := d.Suppresses; s != nil {
		fmt.Fprintf(b, "    holds     pool %s, until %s after its push\n", s.Pool, s.For)
	}
	if a := d.Approve; a != nil {
		fmt.Fprintf(b, "    approval  by %d until %s, of %s\n", a.By, a.Until.Format(time.RFC3339), a.ID)
	}
	fmt.Fprintf(b, "    on doubt  %s\n", d.OnDoubt)
}
