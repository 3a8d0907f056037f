package intent

import (
	"fmt"
	"math"
)

// Element is one part of a message. The eight kinds, their fields and their
// JSON are the API's ("Message Formats"); what REST callers must give is
// checked when a Message is built.
type Element interface {
	// MsgType returns the API's name of the kind.
	MsgType() string
	check() error
}

// Text is plain text; the offline notification shows it too.
type Text struct {
	Text string `json:"Text"`
}

// Location is a point with a description, in degrees.
type Location struct {
	Desc      string  `json:"Desc"`
	Latitude  float64 `json:"Latitude"`
	Longitude float64 `json:"Longitude"`
}

// Face is an emoticon by number.
type Face struct {
	Index int64  `json:"Index"`
	Data  string `json:"Data"`
}

// Custom is the application's own data; a message holds at most one.
type Custom struct {
	Data  string `json:"Data"`
	Desc  string `json:"Desc"`
	Ext   string `json:"Ext"`
	Sound string `json:"Sound"`
}

// Sound is a voice clip.
type Sound struct {
	URL     string `json:"Url"`
	UUID    string `json:"UUID"`
	Bytes   int64  `json:"Size"`
	Seconds int64  `json:"Second"`
}

// Image is a picture in up to three sizes.
type Image struct {
	UUID   string      `json:"UUID"`
	Format ImageFormat `json:"ImageFormat"`
	Sizes  []ImageSize `json:"ImageInfoArray"`
}

// ImageFormat is the API's number of a picture format.
type ImageFormat int64

// The picture formats.
const (
	JPG         ImageFormat = 1
	GIF         ImageFormat = 2
	PNG         ImageFormat = 3
	BMP         ImageFormat = 4
	OtherFormat ImageFormat = 255
)

// ImageSize is one rendition of an Image.
type ImageSize struct {
	Type   int64  `json:"Type"` // 1 original, 2 large, 3 thumbnail
	Bytes  int64  `json:"Size"`
	Width  int64  `json:"Width"`
	Height int64  `json:"Height"`
	URL    string `json:"URL"`
}

// File is a file to download.
type File struct {
	URL   string `json:"Url"`
	UUID  string `json:"UUID"`
	Bytes int64  `json:"FileSize"`
	Name  string `json:"FileName"`
}

// Video is a clip with a still picture.
type Video struct {
	URL         string `json:"VideoUrl"`
	UUID        string `json:"VideoUUID"`
	Bytes       int64  `json:"VideoSize"`
	Seconds     int64  `json:"VideoSecond"`
	Format      string `json:"VideoFormat"`
	ThumbURL    string `json:"ThumbUrl"`
	ThumbUUID   string `json:"ThumbUUID"`
	ThumbBytes  int64  `json:"ThumbSize"`
	ThumbWidth  int64  `json:"ThumbWidth"`
	ThumbHeight int64  `json:"ThumbHeight"`
	ThumbFormat string `json:"ThumbFormat"`
}

// MsgType returns TIMTextElem.
func (Text) MsgType() string { return "TIMTextElem" }

// MsgType returns TIMLocationElem.
func (Location) MsgType() string { return "TIMLocationElem" }

// MsgType returns TIMFaceElem.
func (Face) MsgType() string { return "TIMFaceElem" }

// MsgType returns TIMCustomElem.
func (Custom) MsgType() string { return "TIMCustomElem" }

// MsgType returns TIMSoundElem.
func (Sound) MsgType() string { return "TIMSoundElem" }

// MsgType returns TIMImageElem.
func (Image) MsgType() string { return "TIMImageElem" }

// MsgType returns TIMFileElem.
func (File) MsgType() string { return "TIMFileElem" }

// MsgType returns TIMVideoFileElem.
func (Video) MsgType() string { return "TIMVideoFileElem" }

func (e Text) check() error { return need("text", e.Text) }

func (e Location) check() error {
	if !(math.Abs(e.Latitude) <= 90) || !(math.Abs(e.Longitude) <= 180) {
		return fmt.Errorf("location %v, %v: latitude is within ±90 degrees, longitude within ±180", e.Latitude, e.Longitude)
	}
	return nil
}

func (e Face) check() error {
	if e.Index < 0 {
		return fmt.Errorf("face index %d: want 0 or more", e.Index)
	}
	return nil
}

func (e Custom) check() error {
	if e == (Custom{}) {
		return fmt.Errorf("custom: all fields are empty")
	}
	return nil
}

func (e Sound) check() error {
	return firstOf(need("sound url", e.URL), need("sound uuid", e.UUID), size("sound size", e.Bytes), size("sound seconds", e.Seconds))
}

func (e Image) check() error {
	switch e.Format {
	case JPG, GIF, PNG, BMP, OtherFormat:
	default:
		return fmt.Errorf("image format %d: want 1 JPG, 2 GIF, 3 PNG, 4 BMP or 255 other", e.Format)
	}
	if len(e.Sizes) == 0 {
		return fmt.Errorf("image: no sizes, want at least one")
	}
	for i, s := range e.Sizes {
		what := fmt.Sprintf("image size %d", i+1)
		if s.Type < 1 || s.Type > 3 {
			return fmt.Errorf("%s: type %d: want 1 original, 2 large or 3 thumbnail", what, s.Type)
		}
		if err := firstOf(need(what+" url", s.URL), size(what+" size", s.Bytes), size(what+" width", s.Width), size(what+" height", s.Height)); err != nil {
			return err
		}
	}
	return need("image uuid", e.UUID)
}

func (e File) check() error {
	return firstOf(need("file url", e.URL), need("file uuid", e.UUID), size("file size", e.Bytes))
}

func (e Video) check() error {
	return firstOf(need("video url", e.URL), need("video uuid", e.UUID), need("video thumb url", e.ThumbURL),
		need("video thumb uuid", e.ThumbUUID), size("video size", e.Bytes), size("video seconds", e.Seconds),
		size("video thumb size", e.ThumbBytes), size("video thumb width", e.ThumbWidth), size("video thumb height", e.ThumbHeight))
}

func need(what, s string) error {
	if s == "" {
		return fmt.Errorf("%s: it is empty", what)
	}
	return nil
}

func size(what string, n int64) error {
	if n < 0 {
		return fmt.Errorf("%s: %d, want 0 or more", what, n)
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
