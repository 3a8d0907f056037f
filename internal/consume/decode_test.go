package consume

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/offset"
)

const structuredType = "application/cloudevents+json"

// headers makes headers of name, value, name, value.
func headers(pairs ...string) []Header {
	var list []Header
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, Header{Key: pair[0], Value: []byte(pair[1])})
	}
	return list
}

func binaryHeaders(more ...string) []Header {
	return headers(append([]string{"ce_specversion", "1.0", "ce_id", "1", "ce_source", "/s", "ce_type", "t"}, more...)...)
}

const minimal = `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`

func decodeOne(d decoder, value []byte, headers []Header) *Record {
	r := &Record{
		Position: offset.Position{Partition: offset.Partition{Topic: "orders", ID: 3}, Offset: 1207},
		Value:    value, Headers: headers,
	}
	d.decode(r)
	return r
}

func TestDecode(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	when := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

	type want struct {
		ID, Source, Type, Subject, ContentType, Data string
		Time                                         time.Time
		Extensions                                   map[string]any
	}
	for name, tt := range map[string]struct {
		value   string
		headers []Header
		bare    bool
		want    want
	}{
		"structured, everything": {
			value: `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u","time":"2026-11-22T10:00:00Z",
				"datacontenttype":"application/json","tenant":"x","n":7,"flag":true,"data":{"a":[1, 2]}}`,
			headers: headers("content-type", structuredType),
			want: want{ID: "1", Source: "/s", Type: "t", Subject: "u", Time: when, ContentType: "application/json", Data: `{"a":[1, 2]}`,
				Extensions: map[string]any{"tenant": "x", "n": int32(7), "flag": true}},
		},
		"structured, no data": {
			value: minimal, headers: headers("content-type", structuredType),
			want: want{ID: "1", Source: "/s", Type: "t"},
		},
		"media type in another case, with a parameter": {
			value: minimal, headers: headers("Content-Type", "Application/CloudEvents+JSON ; charset=UTF-8"),
			want: want{ID: "1", Source: "/s", Type: "t"},
		},
		"media type without a format": {
			value: minimal, headers: headers("content-type", "application/cloudevents"),
			want: want{ID: "1", Source: "/s", Type: "t"},
		},
		"structured wins over attributes in headers": {
			value: minimal, headers: append(binaryHeaders("ce_id", "2"), headers("content-type", structuredType)...),
			want: want{ID: "1", Source: "/s", Type: "t"},
		},
		"structured, data_base64": {
			value:   `{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"image/png","data_base64":"aGVsbG8="}`,
			headers: headers("content-type", structuredType),
			want:    want{ID: "1", Source: "/s", Type: "t", ContentType: "image/png", Data: "hello"},
		},
		"bare, allowed": {
			value: " \n" + minimal, bare: true,
			want: want{ID: "1", Source: "/s", Type: "t"},
		},
		"structured 0.3": {
			value:   `{"specversion":"0.3","id":"1","source":"/s","type":"t","datacontenttype":"application/json","schemaurl":"http://x/y","data":{"a":1}}`,
			headers: headers("content-type", structuredType),
			want:    want{ID: "1", Source: "/s", Type: "t", ContentType: "application/json", Data: `{"a":1}`},
		},
		"structured 0.3, base64": {
			value:   `{"specversion":"0.3","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","datacontentencoding":"base64","data":"aGVsbG8="}`,
			headers: headers("content-type", structuredType),
			want:    want{ID: "1", Source: "/s", Type: "t", ContentType: "text/plain", Data: "hello"},
		},
		"binary, everything": {
			value: `{"a":[1, 2]}`,
			headers: binaryHeaders("ce_subject", "u", "ce_time", "2026-11-22T10:00:00Z", "content-type", "application/json",
				"ce_tenant", "x", "traceid", "not an attribute"),
			want: want{ID: "1", Source: "/s", Type: "t", Subject: "u", Time: when, ContentType: "application/json", Data: `{"a":[1, 2]}`,
				Extensions: map[string]any{"tenant": "x"}},
		},
		"binary, names in another case": {
			value: `x`, headers: headers("CE_SpecVersion", "1.0", "Ce_ID", "1", "ce_Source", "/s", "CE_TYPE", "t", "CE_Tenant", "x", "CONTENT-TYPE", "text/plain"),
			want: want{ID: "1", Source: "/s", Type: "t", ContentType: "text/plain", Data: "x", Extensions: map[string]any{"tenant": "x"}},
		},
		"binary, version last": {
			value: `x`, headers: headers("ce_id", "1", "ce_source", "/s", "ce_type", "t", "ce_tenant", "x", "ce_specversion", "1.0"),
			want: want{ID: "1", Source: "/s", Type: "t", Data: "x", Extensions: map[string]any{"tenant": "x"}},
		},
		"binary 0.3": {
			value: `x`, headers: headers("ce_specversion", "0.3", "ce_id", "1", "ce_source", "/s", "ce_type", "t", "ce_schemaurl", "http://x/y"),
			want: want{ID: "1", Source: "/s", Type: "t", Data: "x"},
		},
		"binary 0.3, base64": {
			value: `aGVsbG8=`, headers: headers("ce_specversion", "0.3", "ce_id", "1", "ce_source", "/s", "ce_type", "t", "ce_datacontentencoding", "base64"),
			want: want{ID: "1", Source: "/s", Type: "t", Data: "hello"},
		},
		"binary, not ASCII": {
			value: `x`, headers: binaryHeaders("ce_subject", "会员"),
			want: want{ID: "1", Source: "/s", Type: "t", Subject: "会员", Data: "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := decodeOne(decoder{maxBytes: DefaultMaxEventBytes, bare: tt.bare}, []byte(tt.value), tt.headers)
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			e := r.Event
			if e.SpecVersion() != "1.0" {
				t.Errorf("version %s, want 1.0", e.SpecVersion())
			}
			got := want{e.ID(), e.Source(), e.Type(), e.Subject(), e.DataContentType(), string(e.Data()), e.Time(), e.Extensions()}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

// No value is an event without data where the attributes are in headers, and
// nothing at all where they are not.
func TestDecodeNoValue(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	d := decoder{maxBytes: DefaultMaxEventBytes, bare: true}
	if r := decodeOne(d, nil, binaryHeaders()); r.Err != nil || r.Event.Data() != nil {
		t.Errorf("attributes, no value: %v, want an event without data", r.Err)
	}
	for name, h := range map[string][]Header{
		"no headers":   nil,
		"content type": headers("content-type", structuredType),
		"others":       headers("traceid", "1"),
	} {
		r := decodeOne(d, nil, h)
		if e, ok := errors.AsType[*DecodeError](r.Err); !ok || e.Class != Tombstone {
			t.Errorf("%s, no value: %v, want a tombstone", name, r.Err)
		}
		r = decodeOne(d, []byte{}, h)
		if e, ok := errors.AsType[*DecodeError](r.Err); !ok || e.Class == Tombstone {
			t.Errorf("%s, empty value: %v, want another class than tombstone", name, r.Err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	structured := headers("content-type", structuredType)

	for name, tt := range map[string]struct {
		value   string
		headers []Header
		class   Class
		wantErr string
	}{
		"text":                      {value: "hello", class: NotCloudEvent, wantErr: "neither a content-type header"},
		"bare, not allowed":         {value: minimal, class: NotCloudEvent, wantErr: "neither a content-type header"},
		"plain JSON":                {value: `{}`, headers: headers("content-type", "application/json"), class: NotCloudEvent, wantErr: "neither"},
		"unknown format":            {value: "x", headers: headers("content-type", "application/cloudevents+avro"), class: NotCloudEvent, wantErr: `"application/cloudevents+avro": unknown event format`},
		"batch":                     {value: "[" + minimal + "]", headers: headers("content-type", "application/cloudevents-batch+json"), class: BatchFormat, wantErr: "one record must hold one event"},
		"batch, another case":       {value: "[]", headers: headers("Content-Type", "APPLICATION/cloudevents-batch+JSON; charset=utf-8"), class: BatchFormat, wantErr: "one record"},
		"an array, not said":        {value: "[" + minimal + "]", headers: structured, class: Invalid},
		"broken JSON":               {value: `{"specversion":"1.0",`, headers: structured, class: Invalid, wantErr: "no JSON at character 22: it ends in the midst of a value"},
		"two values":                {value: minimal + minimal, headers: structured, class: Invalid},
		"no version":                {value: `{"id":"1","source":"/s","type":"t"}`, headers: structured, class: Invalid, wantErr: "specversion is missing"},
		"unknown version":           {value: `{"specversion":"2.0","id":"1","source":"/s","type":"t"}`, headers: structured, class: Invalid, wantErr: "2.0"},
		"no id":                     {value: `{"specversion":"1.0","source":"/s","type":"t"}`, headers: structured, class: Invalid, wantErr: "id is missing"},
		"no source":                 {value: `{"specversion":"1.0","id":"1","type":"t"}`, headers: structured, class: Invalid, wantErr: "source is missing"},
		"no type":                   {value: `{"specversion":"1.0","id":"1","source":"/s"}`, headers: structured, class: Invalid, wantErr: "type is missing"},
		"nothing":                   {value: `{"specversion":"1.0"}`, headers: structured, class: Invalid, wantErr: "id is missing; source is missing; type is missing"},
		"bad time":                  {value: `{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"noon"}`, headers: structured, class: Invalid, wantErr: `time "noon", want one like 2026-03-01T09:00:00Z`},
		"bad extension name":        {value: `{"specversion":"1.0","id":"1","source":"/s","type":"t","a-b":"x"}`, headers: structured, class: Invalid, wantErr: `attribute "a-b": names are a to z and 0 to 9`},
		"the SDK panics: number":    {value: `{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":1}`, headers: structured, class: Invalid, wantErr: "data_base64 is a number, want a text in quotes"},
		"the SDK panics: no coding": {value: `{"datacontentencoding":"","specversion":"0.3","id":"1","source":"/s","type":"t"}`, headers: structured, class: Invalid, wantErr: `datacontentencoding "", want base64`},
		"binary, unknown version":   {value: "x", headers: binaryHeaders("ce_specversion", "0.1"), class: Invalid, wantErr: `"0.1", want 1.0 or 0.3`},
		"binary, no id":             {value: "x", headers: headers("ce_specversion", "1.0", "ce_source", "/s", "ce_type", "t"), class: Invalid, wantErr: "id is missing or empty"},
		"binary, bad time":          {value: "x", headers: binaryHeaders("ce_time", "noon"), class: Invalid, wantErr: `header "ce_time"`},
		"binary, no name":           {value: "x", headers: binaryHeaders("ce_", "x"), class: Invalid, wantErr: `header "ce_"`},
		"binary, not UTF-8":         {value: "x", headers: binaryHeaders("ce_subject", "a\xff"), class: Invalid, wantErr: `header "ce_subject": not UTF-8`},
		"binary 0.3, bad base64":    {value: "?", headers: headers("ce_specversion", "0.3", "ce_id", "1", "ce_source", "/s", "ce_type", "t", "ce_datacontentencoding", "base64"), class: Invalid, wantErr: "illegal base64"},
	} {
		t.Run(name, func(t *testing.T) {
			r := decodeOne(decoder{maxBytes: DefaultMaxEventBytes}, []byte(tt.value), tt.headers)
			e, ok := errors.AsType[*DecodeError](r.Err)
			if !ok || r.Event != nil || e.Class != tt.class || !strings.Contains(e.Error(), tt.wantErr) {
				t.Fatalf("decode: %v; want class %s with %q", r.Err, tt.class, tt.wantErr)
			}
			if want := fmt.Sprintf("decode orders/3@1207: %s: ", tt.class); !strings.HasPrefix(e.Error(), want) {
				t.Errorf("error %q does not begin with %q", e, want)
			}
		})
	}
}

func TestDecodeSize(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	d := decoder{maxBytes: DefaultMaxEventBytes}
	for _, n := range []int{64 << 10, 64<<10 + 1, 512 << 10, 1<<20 - 100} {
		value := fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":%q}`, strings.Repeat("x", n-100))
		if r := decodeOne(d, []byte(value), headers("content-type", structuredType)); r.Err != nil || len(r.Event.Data()) < n-100 {
			t.Errorf("structured, %d bytes: %v", len(value), r.Err)
		}
		if r := decodeOne(d, []byte(strings.Repeat("x", n)), binaryHeaders()); r.Err != nil || len(r.Event.Data()) != n {
			t.Errorf("binary, %d bytes: %v", n, r.Err)
		}
	}
	small := decoder{maxBytes: len(minimal) + len("content-type") + len(structuredType)}
	if r := decodeOne(small, []byte(minimal), headers("content-type", structuredType)); r.Err != nil {
		t.Errorf("at the limit: %v", r.Err)
	}
	r := decodeOne(small, []byte(minimal+" "), headers("content-type", structuredType))
	if e, ok := errors.AsType[*DecodeError](r.Err); !ok || e.Class != TooLarge || !strings.Contains(e.Error(), "96 bytes, allowed 95") {
		t.Errorf("over the limit: %v", r.Err)
	}
}

// An error's text goes into logs and dead letters: one short line, the same for
// the same record.
func TestDecodeErrorIsBrief(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	secret := strings.Repeat("x", 1000)
	for _, value := range []string{`{"specversion":"` + secret + `"}`, `{"specversion":"1.0"}`, "{\"specversion\":\"1.0\",\"time\":\"\\u0000\n" + secret + `"}`} {
		first := decodeOne(decoder{maxBytes: DefaultMaxEventBytes}, []byte(value), headers("content-type", structuredType)).Err.Error()
		if len(first) > 300 || strings.ContainsAny(first, "\n\r") {
			t.Errorf("error of %d bytes: %q", len(first), first)
		}
		for range 20 {
			if again := decodeOne(decoder{maxBytes: DefaultMaxEventBytes}, []byte(value), headers("content-type", structuredType)).Err.Error(); again != first {
				t.Fatalf("%q, then %q", first, again)
			}
		}
	}
}

// Whatever a stranger writes, a record is a valid event or an error with a
// class, and an event survives its way to JSON and back.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		minimal,
		`{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":1}`,
		`{"datacontentencoding":"","specversion":"0.3","id":"1","source":"/s","type":"t"}`,
		`{"specversion":"0.3","id":"1","source":"/s","type":"t","datacontentencoding":"base64","data":"eA=="}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","data":"x"}`,
	} {
		f.Add([]byte(seed), structuredType, "subject", "x")
		f.Add([]byte(seed), "application/json", "time", "2026-11-22T10:00:00Z")
		f.Add([]byte(seed), "", "specversion", "0.3")
		f.Add([]byte(seed), "text/plain", "datacontentencoding", "base64")
	}
	f.Fuzz(func(t *testing.T, value []byte, contentType, name, attribute string) {
		for mode, h := range map[string][]Header{
			"structured": headers("content-type", structuredType),
			"binary":     binaryHeaders("ce_"+name, attribute, "content-type", contentType),
			"any":        headers("content-type", contentType, name, attribute),
		} {
			r := decodeOne(decoder{maxBytes: DefaultMaxEventBytes, bare: true}, slices.Clone(value), h)
			if r.Err != nil {
				e, ok := errors.AsType[*DecodeError](r.Err)
				if !ok || r.Event != nil || strings.HasPrefix(e.Class.String(), "Class(") || len(e.Error()) > 400 || !utf8.ValidString(e.Error()) {
					t.Fatalf("%s: error %v, class %s, event %v", mode, r.Err, e.Class, r.Event)
				}
				continue
			}
			if err := r.Event.Validate(); err != nil || r.Event.SpecVersion() != event.CloudEventsVersionV1 {
				t.Fatalf("%s: event %v: %v", mode, r.Event, err)
			}
			if r.Event.ID() == "" || r.Event.Type() == "" || r.Event.Source() == "" {
				t.Fatalf("%s: event without identity: %v", mode, r.Event)
			}
		}
	})
}
