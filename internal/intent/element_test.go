package intent

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The JSON is that of the API's page "Message Formats", written by hand.
func TestElements(t *testing.T) {
	t.Attr("guards", "the API's form of message elements")
	t.Parallel()
	for name, tt := range map[string]struct {
		in   Element
		want string
	}{
		"text":     {Text{Text: `5 < 6 & "会"`}, `{"MsgType":"TIMTextElem","MsgContent":{"Text":"5 < 6 & \"会\""}}`},
		"location": {Location{Desc: "Kyiv", Latitude: 50.45, Longitude: -30.5}, `{"MsgType":"TIMLocationElem","MsgContent":{"Desc":"Kyiv","Latitude":50.45,"Longitude":-30.5}}`},
		"the pole": {Location{Latitude: -90, Longitude: 180}, `{"MsgType":"TIMLocationElem","MsgContent":{"Desc":"","Latitude":-90,"Longitude":180}}`},
		"face":     {Face{Index: 6, Data: "abc"}, `{"MsgType":"TIMFaceElem","MsgContent":{"Index":6,"Data":"abc"}}`},
		"custom": {Custom{Data: "d", Desc: "e", Ext: "x", Sound: "s.aiff"},
			`{"MsgType":"TIMCustomElem","MsgContent":{"Data":"d","Desc":"e","Ext":"x","Sound":"s.aiff"}}`},
		"sound": {Sound{URL: "https://h/1?a=b&c=d", UUID: "u", Bytes: 62351, Seconds: 1},
			`{"MsgType":"TIMSoundElem","MsgContent":{"Url":"https://h/1?a=b&c=d","UUID":"u","Size":62351,"Second":1,"Download_Flag":2}}`},
		"image": {Image{UUID: "u", Format: PNG, Sizes: []ImageSize{{Type: 1, Bytes: 1853095, Width: 2448, Height: 3264, URL: "https://h/1"}, {Type: 3, URL: "https://h/3"}}},
			`{"MsgType":"TIMImageElem","MsgContent":{"UUID":"u","ImageFormat":3,"ImageInfoArray":[{"Type":1,"Size":1853095,"Width":2448,"Height":3264,"URL":"https://h/1"},{"Type":3,"Size":0,"Width":0,"Height":0,"URL":"https://h/3"}]}}`},
		"file": {File{URL: "https://h/f", UUID: "u", Bytes: 1773552, Name: "f.pdf"},
			`{"MsgType":"TIMFileElem","MsgContent":{"Url":"https://h/f","UUID":"u","FileSize":1773552,"FileName":"f.pdf","Download_Flag":2}}`},
		"video": {Video{URL: "https://h/v", UUID: "u", Bytes: 1194603, Seconds: 5, Format: "mp4", ThumbURL: "https://h/t", ThumbUUID: "w", ThumbBytes: 13907, ThumbWidth: 720, ThumbHeight: 1280, ThumbFormat: "JPG"},
			`{"MsgType":"TIMVideoFileElem","MsgContent":{"VideoUrl":"https://h/v","VideoUUID":"u","VideoSize":1194603,"VideoSecond":5,"VideoFormat":"mp4","ThumbUrl":"https://h/t","ThumbUUID":"w","ThumbSize":13907,"ThumbWidth":720,"ThumbHeight":1280,"ThumbFormat":"JPG","VideoDownloadFlag":2,"ThumbDownloadFlag":2}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := NewMessage(Content{Elements: []Element{tt.in}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("["+tt.want+"]", string(m.Body())); diff != "" {
				t.Errorf("MsgBody (-want +got):\n%s", diff)
			}
		})
	}
}

func TestElementsThatTheAPIWouldRefuse(t *testing.T) {
	t.Attr("guards", "what the API would refuse is refused before")
	t.Parallel()
	sound := Sound{URL: "u", UUID: "v"}
	image := func(change func(*Image)) Image {
		i := Image{UUID: "u", Format: JPG, Sizes: []ImageSize{{Type: 1, URL: "u"}, {Type: 2, URL: "u"}}}
		change(&i)
		return i
	}
	video := func(change func(*Video)) Video {
		v := Video{URL: "u", UUID: "v", ThumbURL: "w", ThumbUUID: "x"}
		change(&v)
		return v
	}
	for name, tt := range map[string]struct {
		in   Element
		want string
	}{
		"empty text":          {Text{}, "text: it is empty"},
		"no UTF-8 in a text":  {Text{Text: "a\xff"}, "text is not UTF-8"},
		"no UTF-8 elsewhere":  {Custom{Data: "a\xff"}, "text is not UTF-8"},
		"too far north":       {Location{Latitude: 90.1}, "latitude"},
		"too far west":        {Location{Longitude: -180.1}, "longitude"},
		"nowhere":             {Location{Latitude: math.NaN()}, "latitude"},
		"beyond":              {Location{Longitude: math.Inf(1)}, "longitude"},
		"face below 0":        {Face{Index: -1}, "face index -1: want 0 or more"},
		"custom of nothing":   {Custom{}, "all fields are empty"},
		"sound without url":   {Sound{UUID: "u"}, "sound url: it is empty"},
		"sound without uuid":  {Sound{URL: "u"}, "sound uuid: it is empty"},
		"negative size":       {Sound{URL: "u", UUID: "u", Bytes: -1}, "sound size: -1, want 0 or more"},
		"negative seconds":    {Sound{URL: "u", UUID: "u", Seconds: -1}, "sound seconds: -1"},
		"image of no format":  {image(func(i *Image) { i.Format = 0 }), "image format 0"},
		"image of no size":    {image(func(i *Image) { i.Sizes = nil }), "no sizes"},
		"image without uuid":  {image(func(i *Image) { i.UUID = "" }), "image uuid: it is empty"},
		"image of type 4":     {image(func(i *Image) { i.Sizes[1].Type = 4 }), "image size 2: type 4"},
		"image without url":   {image(func(i *Image) { i.Sizes[1].URL = "" }), "image size 2 url: it is empty"},
		"image of width -1":   {image(func(i *Image) { i.Sizes[0].Width = -1 }), "image size 1 width: -1"},
		"file without url":    {File{UUID: "u"}, "file url"},
		"file without uuid":   {File{URL: "u"}, "file uuid"},
		"file of -1 bytes":    {File{URL: "u", UUID: "u", Bytes: -1}, "file size: -1"},
		"video without url":   {video(func(v *Video) { v.URL = "" }), "video url"},
		"video without uuid":  {video(func(v *Video) { v.UUID = "" }), "video uuid"},
		"video without thumb": {video(func(v *Video) { v.ThumbURL = "" }), "video thumb url"},
		"thumb without uuid":  {video(func(v *Video) { v.ThumbUUID = "" }), "video thumb uuid"},
		"video of -1 seconds": {video(func(v *Video) { v.Seconds = -1 }), "video seconds: -1"},
		"thumb of height -1":  {video(func(v *Video) { v.ThumbHeight = -1 }), "video thumb height: -1"},
		"a pointer":           {&sound, "want a value, not a pointer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := NewMessage(Content{Elements: []Element{Text{Text: "first"}, tt.in}})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "message element 2: ") {
				t.Errorf("err = %v, want one of message element 2 with %q", err, tt.want)
			}
			if !m.IsZero() {
				t.Errorf("beside the error is %s", m.Body())
			}
		})
	}
}
