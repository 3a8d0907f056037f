package pushsim

import (
	"fmt"
	"strings"
	"testing"
)

// One good content of each of the eight types, with every documented member.
var goodContents = map[string]string{
	"TIMTextElem":     `{"Text":"hi"}`,
	"TIMLocationElem": `{"Desc":"here","Latitude":-22.5,"Longitude":113.9}`,
	"TIMFaceElem":     `{"Index":6,"Data":"x"}`,
	"TIMCustomElem":   `{"Data":"d","Desc":"e","Ext":"f","Sound":"g"}`,
	"TIMSoundElem":    `{"Url":"https://x/1","UUID":"u","Size":62351,"Second":1,"Download_Flag":2}`,
	"TIMImageElem":    `{"UUID":"u","ImageFormat":1,"ImageInfoArray":[{"Type":1,"Size":1,"Width":2,"Height":3,"URL":"https://x/1"}]}`,
	"TIMFileElem":     `{"Url":"https://x/1","UUID":"u","FileSize":1,"FileName":"f","Download_Flag":2}`,
	"TIMVideoFileElem": `{"VideoUrl":"https://x/1","VideoUUID":"u","VideoSize":1,"VideoSecond":2,"VideoFormat":"mp4","VideoDownloadFlag":2,
		"ThumbUrl":"https://x/2","ThumbUUID":"v","ThumbSize":3,"ThumbWidth":4,"ThumbHeight":5,"ThumbFormat":"JPG","ThumbDownloadFlag":2}`,
}

func judgeContent(kind, content string) string {
	_, why := judgeElement(fields{"MsgType": []byte(`"` + kind + `"`), "MsgContent": []byte(content)})
	return why
}

func TestEveryElementType(t *testing.T) {
	t.Attr("guards", "message elements")
	t.Parallel()
	if len(goodContents) != len(elements) {
		t.Errorf("%d types tested, %d known", len(goodContents), len(elements))
	}
	for kind, content := range goodContents {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if why := judgeContent(kind, content); why != "" {
				t.Fatalf("good content: %s", why)
			}
			// Each member in turn: absent, then of a wrong type.
			for _, m := range elements[kind] {
				f, ok := parseObject([]byte(content))
				if !ok {
					t.Fatal("content does not parse")
				}
				raw := f[m.name]
				delete(f, m.name)
				if why := judgeMembers(f, elements[kind]); (why != "") != m.required {
					t.Errorf("without %s: %q, required %v", m.name, why, m.required)
				}
				f[m.name] = []byte(`{}`)
				if why := judgeMembers(f, elements[kind]); why == "" {
					t.Errorf("%s as an object passes", m.name)
				}
				f[m.name] = []byte(`17`)
				if why := judgeMembers(f, elements[kind]); why == "" && (m.kind == aText || len(m.oneOf) > 0) {
					t.Errorf("%s as 17 passes", m.name)
				}
				f[m.name] = raw
			}
		})
	}
}

func TestElementMistakes(t *testing.T) {
	t.Attr("guards", "message elements")
	t.Parallel()
	for name, tt := range map[string]struct{ kind, content, want string }{
		"flag 1":              {"TIMFileElem", `{"Url":"u","UUID":"u","Download_Flag":1}`, "Download_Flag is 1"},
		"negative size":       {"TIMSoundElem", `{"Url":"u","UUID":"u","Size":-1,"Download_Flag":2}`, "Size is no integer"},
		"format 5":            {"TIMImageElem", `{"UUID":"u","ImageFormat":5,"ImageInfoArray":[]}`, "ImageFormat is 5"},
		"no images":           {"TIMImageElem", `{"UUID":"u","ImageInfoArray":[]}`, "no array of images"},
		"image no object":     {"TIMImageElem", `{"UUID":"u","ImageInfoArray":[1]}`, "[0] is no object"},
		"image Url for URL":   {"TIMImageElem", `{"UUID":"u","ImageInfoArray":[{"Width":1,"Height":1,"Url":"x"}]}`, "[0].URL is missing"},
		"image type 4":        {"TIMImageElem", `{"UUID":"u","ImageInfoArray":[{"Type":4,"Width":1,"Height":1,"URL":"x"}]}`, "[0].Type is 4"},
		"latitude a string":   {"TIMLocationElem", `{"Latitude":"1"}`, "Latitude is no number"},
		"content no object":   {"TIMTextElem", `"hi"`, "MsgContent is no object"},
		"type in other case":  {"timtextelem", `{}`, "unknown MsgType"},
		"null member is none": {"TIMTextElem", `{"Text":null}`, "Text is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if why := judgeContent(tt.kind, tt.content); !strings.Contains(why, tt.want) {
				t.Errorf("why = %q, want %q in it", why, tt.want)
			}
		})
	}
}

func TestAtMostOneCustomElement(t *testing.T) {
	t.Attr("guards", "message elements")
	t.Parallel()
	element := func(kind string) string {
		return fmt.Sprintf(`{"MsgType":%q,"MsgContent":%s}`, kind, goodContents[kind])
	}
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"custom and two texts": {element("TIMCustomElem") + "," + element("TIMTextElem") + "," + element("TIMTextElem"), codeOK},
		"two custom":           {element("TIMCustomElem") + "," + element("TIMCustomElem"), codeBadFormat},
	} {
		if r := judgeMsgBody(fields{"MsgBody": []byte("[" + tt.body + "]")}); r.code != tt.want {
			t.Errorf("%s: %+v, want %d", name, r, tt.want)
		}
	}
}
