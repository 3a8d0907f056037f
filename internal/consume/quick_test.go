package consume

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// slowEvent is the SDK's answer, and nil where it has none: it panics on some
// input.
func slowEvent(value []byte) (e *event.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	e, err = binding.ToEvent(context.Background(), &message{record: &Record{Value: value}, mode: binding.EncodingStructured})
	if err == nil {
		err = e.Validate()
	}
	return e, err
}

// agree says how the two decoders differ. Where the quick one is not sure there
// is nothing to compare.
func agree(value []byte) (quick bool, diff string) {
	got := quickEvent(value)
	if got == nil {
		return false, ""
	}
	want, err := slowEvent(value)
	if err != nil {
		return true, fmt.Sprintf("the SDK refuses it: %v", err)
	}
	return true, cmp.Diff(want, got)
}

// attributes of a plain event, to which the cases add a member.
const plainMembers = `"specversion":"1.0","id":"1","source":"/s","type":"t"`

var quickCases = map[string]struct {
	value string
	quick bool // whether the SDK is not asked
}{
	"minimal":             {"{" + plainMembers + "}", true},
	"all":                 {`{` + plainMembers + `,"subject":"x/y","time":"2026-11-22T10:00:00.5+08:00","datacontenttype":"application/json","dataschema":"http://a/b","data":{"a":[1,-2.5,true,null]},"traceparent":"00-ab"}`, true},
	"data first":          {`{"data":{"a":"b"},` + plainMembers + `}`, true},
	"data and type":       {`{"data":1,"datacontenttype":"application/json",` + plainMembers + `}`, true},
	"version last":        {`{"traceparent":"x","id":"1","source":"/s","type":"t","data":[],"specversion":"1.0"}`, true},
	"spaces":              {" {\n\t\"specversion\" : \"1.0\" , \"id\":\"1\",\"source\":\"/s\",\"type\":\"t\" , \"data\" : { \"a\" : [ 1 , 2 ] } }\r\n", true},
	"data null":           {`{` + plainMembers + `,"data":null}`, true},
	"data a string":       {`{` + plainMembers + `,"data":"a\"\\\u00e9\n"}`, true},
	"data with 会话":        {`{` + plainMembers + `,"data":{"会":"话"},"subject":"a会话"}`, true},
	"subject is 会话":       {`{` + plainMembers + `,"subject":"会话"}`, false},
	"spaces only":         {`{` + plainMembers + `,"subject":" "}`, false},
	"no id":               {`{"specversion":"1.0","source":"/s","type":"t"}`, false},
	"empty fragment":      {`{"specversion":"1.0","id":"1","source":"#","type":"t"}`, false},
	"relative schema":     {`{` + plainMembers + `,"dataschema":"a/b"}`, false},
	"half a pair in data": {`{` + plainMembers + `,"data":"\ud800"}`, true},
	"escaped attribute":   {`{` + plainMembers + `,"subject":"a\u0062"}`, false},
	"escaped name":        {`{` + plainMembers + `,"subj\u0065ct":"a"}`, false},
	"empty attribute":     {`{` + plainMembers + `,"subject":""}`, false},
	"null attribute":      {`{` + plainMembers + `,"subject":null}`, false},
	"number extension":    {`{` + plainMembers + `,"n":1}`, false},
	"upper extension":     {`{` + plainMembers + `,"Name":"x"}`, false},
	"empty name":          {`{` + plainMembers + `,"":"x"}`, false},
	"repeated id":         {`{` + plainMembers + `,"id":"2"}`, false},
	"repeated extension":  {`{` + plainMembers + `,"a":"1","a":"2"}`, false},
	"repeated data":       {`{` + plainMembers + `,"data":1,"data":2}`, false},
	"0.3":                 {`{"specversion":"0.3","id":"1","source":"/s","type":"t"}`, false},
	"no version":          {`{"id":"1","source":"/s","type":"t"}`, false},
	"text data":           {`{` + plainMembers + `,"datacontenttype":"text/plain","data":"x"}`, false},
	"base64":              {`{` + plainMembers + `,"data_base64":"AA=="}`, false},
	"bad source":          {`{"specversion":"1.0","id":"1","source":"::","type":"t"}`, false},
	"bad time":            {`{` + plainMembers + `,"time":"yesterday"}`, false},
	"bad schema":          {`{` + plainMembers + `,"dataschema":"::"}`, false},
	"exponent":            {`{` + plainMembers + `,"data":1e5}`, false},
	"leading zero":        {`{` + plainMembers + `,"data":01}`, false},
	"no digits":           {`{` + plainMembers + `,"data":-}`, false},
	"no fraction":         {`{` + plainMembers + `,"data":1.}`, false},
	"no word":             {`{` + plainMembers + `,"data":nul}`, false},
	"unknown escape":      {`{` + plainMembers + `,"data":"\x"}`, false},
	"short escape":        {`{` + plainMembers + `,"data":"\u12"}`, false},
	"control character":   {`{` + plainMembers + `,"data":"` + "\x01" + `"}`, false},
	"no UTF-8":            {`{` + plainMembers + `,"data":"` + "\xff" + `"}`, false},
	"too deep":            {`{` + plainMembers + `,"data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, false},
	"comma at the end":    {`{` + plainMembers + `,}`, false},
	"comma in data":       {`{` + plainMembers + `,"data":[1,]}`, false},
	"bare member":         {`{` + plainMembers + `,"data":{1:2}}`, false},
	"more behind":         {`{` + plainMembers + `} {}`, false},
	"cut":                 {`{` + plainMembers + `,"data":{"a":"b"`, false},
	"empty":               {``, false},
	"empty object":        {`{}`, false},
	"list":                {`[]`, false},
}

func TestQuickEventIsTheSDKs(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, tt := range quickCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quick, diff := agree([]byte(tt.value))
			if quick != tt.quick {
				t.Errorf("%s: quick: %v, want %v", tt.value, quick, tt.quick)
			}
			if diff != "" {
				t.Errorf("%s (-SDK +ours):\n%s", tt.value, diff)
			}
		})
	}
}

// Each special byte at each place of a word and beside those just outside.
func TestQuickEventFindsTheEndOfAString(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for at := range 20 {
		for _, c := range []byte{0, 1, 0x1f, ' ', '!', '"', '#', '[', '\\', ']', 0x7f} {
			text := []byte(strings.Repeat("é", 12))
			text[at/2*2], text[at/2*2+1] = 'x', 'x'
			text[at] = c
			q := quick{text: text}
			want := at
			if c >= ' ' && c != '"' && c != '\\' {
				want = len(text)
			}
			if got := q.special(0); got != want {
				t.Errorf("%q: %d, want %d", text, got, want)
			}
		}
	}
}

func FuzzQuickEvent(f *testing.F) {
	for _, tt := range quickCases {
		f.Add([]byte(tt.value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if _, diff := agree(value); diff != "" {
			t.Errorf("%q (-SDK +ours):\n%s", value, diff)
		}
	})
}
