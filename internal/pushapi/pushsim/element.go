package pushsim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// valueKind is what a member of MsgContent holds.
type valueKind uint8

const (
	aText valueKind = iota + 1
	aNumber
	aCount // an integer from 0 up
	images // TIMImageElem's ImageInfoArray
)

// member is one documented member of an element's MsgContent. Members that no
// table names are ignored, as the API does.
type member struct {
	name     string
	kind     valueKind
	required bool
	oneOf    []uint64 // the values a count may take; empty: any
}

// onlyFlag is the one value that the REST API takes for the download flags.
var onlyFlag = []uint64{2}

// elements are the eight types of push-api.md with their members, required as
// in the reference's §3.
var elements = map[string][]member{
	"TIMTextElem": {{name: "Text", kind: aText, required: true}},
	"TIMLocationElem": {
		{name: "Desc", kind: aText}, {name: "Latitude", kind: aNumber}, {name: "Longitude", kind: aNumber},
	},
	"TIMFaceElem": {{name: "Index", kind: aCount}, {name: "Data", kind: aText}},
	"TIMCustomElem": {
		{name: "Data", kind: aText}, {name: "Desc", kind: aText}, {name: "Ext", kind: aText}, {name: "Sound", kind: aText},
	},
	"TIMSoundElem": {
		{name: "Url", kind: aText, required: true}, {name: "UUID", kind: aText, required: true},
		{name: "Size", kind: aCount}, {name: "Second", kind: aCount},
		{name: "Download_Flag", kind: aCount, required: true, oneOf: onlyFlag},
	},
	"TIMImageElem": {
		{name: "UUID", kind: aText, required: true},
		{name: "ImageFormat", kind: aCount, oneOf: []uint64{1, 2, 3, 4, 255}},
		{name: "ImageInfoArray", kind: images, required: true},
	},
	"TIMFileElem": {
		{name: "Url", kind: aText, required: true}, {name: "UUID", kind: aText, required: true},
		{name: "FileSize", kind: aCount}, {name: "FileName", kind: aText},
		{name: "Download_Flag", kind: aCount, required: true, oneOf: onlyFlag},
	},
	"TIMVideoFileElem": {
		{name: "VideoUrl", kind: aText, required: true}, {name: "VideoUUID", kind: aText, required: true},
		{name: "VideoSize", kind: aCount}, {name: "VideoSecond", kind: aCount}, {name: "VideoFormat", kind: aText},
		{name: "VideoDownloadFlag", kind: aCount, required: true, oneOf: onlyFlag},
		{name: "ThumbUrl", kind: aText, required: true}, {name: "ThumbUUID", kind: aText, required: true},
		{name: "ThumbSize", kind: aCount}, {name: "ThumbWidth", kind: aCount, required: true},
		{name: "ThumbHeight", kind: aCount, required: true}, {name: "ThumbFormat", kind: aText},
		{name: "ThumbDownloadFlag", kind: aCount, required: true, oneOf: onlyFlag},
	},
}

// imageMembers are those of one entry of ImageInfoArray.
var imageMembers = []member{
	{name: "Type", kind: aCount, oneOf: []uint64{1, 2, 3}}, {name: "Size", kind: aCount},
	{name: "Width", kind: aCount, required: true}, {name: "Height", kind: aCount, required: true},
	{name: "URL", kind: aText, required: true},
}

// judgeElement returns the element's type, and why it is bad.
func judgeElement(element fields) (kind, why string) {
	raw, _ := element.get("MsgType")
	kind, _ = parseText(raw)
	members, ok := elements[kind]
	if !ok {
		return kind, fmt.Sprintf("unknown MsgType %s", raw)
	}
	raw, _ = element.get("MsgContent")
	content, ok := parseObject(raw)
	if !ok {
		return kind, "MsgContent is no object"
	}
	return kind, judgeMembers(content, members)
}

func judgeMembers(content fields, members []member) string {
	for _, m := range members {
		raw, ok := content.get(m.name)
		if !ok {
			if m.required {
				return m.name + " is missing"
			}
			continue
		}
		if why := m.judge(raw); why != "" {
			return m.name + why
		}
	}
	return ""
}

func (m member) judge(raw json.RawMessage) string {
	switch m.kind {
	case aText:
		if _, ok := parseText(raw); !ok {
			return " is no string"
		}
	case aNumber:
		if !isNumber(raw) {
			return " is no number"
		}
	case aCount:
		n, ok := parseUint(raw, 64)
		if !ok {
			return " is no integer from 0 up"
		}
		if len(m.oneOf) > 0 && !slices.Contains(m.oneOf, n) {
			return " is " + strconv.FormatUint(n, 10)
		}
	case images:
		return judgeImages(raw)
	}
	return ""
}

func judgeImages(raw json.RawMessage) string {
	list, ok := parseArray(raw)
	if !ok || len(list) == 0 {
		return " is no array of images"
	}
	for i, item := range list {
		image, ok := parseObject(item)
		if !ok {
			return fmt.Sprintf("[%d] is no object", i)
		}
		if why := judgeMembers(image, imageMembers); why != "" {
			return fmt.Sprintf("[%d].%s", i, why)
		}
	}
	return ""
}
