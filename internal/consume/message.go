package consume

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/format"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/cloudevents/sdk-go/v2/event"
)

// Header names of the Kafka protocol binding. Producers disagree about their
// case, so it is not looked at.
const (
	contentTypeHeader = "content-type"
	attributePrefix   = "ce_"
	versionHeader     = attributePrefix + "specversion"
	encodingHeader    = attributePrefix + "datacontentencoding" // of 0.3
)

// message shows a record to the SDK.
type message struct {
	record *Record
	mode   binding.Encoding
}

var (
	_ binding.MessageReader         = (*message)(nil)
	_ binding.MessageMetadataReader = (*message)(nil) // binding.ToEvent insists on it
)

// mode returns the content type and whether the attributes are in headers. Of
// repeated headers the last counts, as it does for the attributes.
func (r *Record) mode() (contentType string, attributes bool) {
	for _, h := range r.Headers {
		switch {
		case strings.EqualFold(h.Key, contentTypeHeader):
			contentType = string(h.Value)
		case strings.EqualFold(h.Key, versionHeader):
			attributes = true
		}
	}
	return contentType, attributes
}

// ReadEncoding returns the mode.
func (m *message) ReadEncoding() binding.Encoding { return m.mode }

// ReadStructured hands over the value as it is.
func (m *message) ReadStructured(ctx context.Context, w binding.StructuredWriter) error {
	if m.mode != binding.EncodingStructured {
		return binding.ErrNotStructured
	}
	return w.SetStructuredEvent(ctx, format.JSON, bytes.NewReader(m.record.Value))
}

// ReadBinary hands over headers as attributes and the value as data.
func (m *message) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	if m.mode != binding.EncodingBinary {
		return binding.ErrNotBinary
	}
	version, err := m.version(w)
	if err != nil {
		return err
	}
	data := m.record.Value
	for _, h := range m.record.Headers {
		isType := strings.EqualFold(h.Key, contentTypeHeader)
		if !utf8.Valid(h.Value) && (isType || isAttribute(h.Key)) {
			return fmt.Errorf("header %q: not UTF-8", h.Key)
		}
		switch {
		case isType:
			err = w.SetAttribute(version.AttributeFromKind(spec.DataContentType), string(h.Value))
		case strings.EqualFold(h.Key, versionHeader):
			// set first, by version
		case strings.EqualFold(h.Key, encodingHeader) && version == spec.V03:
			// The SDK neither takes this attribute nor decodes by it.
			data, err = decodeData(m.record.Value, string(h.Value))
		case isAttribute(h.Key):
			name := strings.ToLower(h.Key[len(attributePrefix):])
			if attribute := version.Attribute(name); attribute != nil {
				err = w.SetAttribute(attribute, string(h.Value))
			} else {
				err = w.SetExtension(name, string(h.Value))
			}
		}
		if err != nil {
			return fmt.Errorf("header %q: %w", h.Key, err)
		}
	}
	if data == nil {
		return nil
	}
	// The SDK keeps the buffer's bytes as the event's data, without a copy; both
	// belong to this record.
	return w.SetData(bytes.NewBuffer(data))
}

func decodeData(data []byte, encoding string) ([]byte, error) {
	if !strings.EqualFold(encoding, event.Base64) {
		return nil, fmt.Errorf("%q, want base64", encoding)
	}
	return base64.StdEncoding.AppendDecode(nil, data)
}

// version sets the spec version, which decides what the other names mean.
func (m *message) version(w binding.BinaryWriter) (spec.Version, error) {
	name, _ := m.header(versionHeader).(string)
	version := spec.VS.Version(name)
	if version == nil {
		return nil, fmt.Errorf("header %q: unknown version %q, want 1.0 or 0.3", versionHeader, name)
	}
	return version, w.SetAttribute(version.AttributeFromKind(spec.SpecVersion), name)
}

// GetAttribute returns an attribute of a binary record.
func (m *message) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	attribute := spec.V1.AttributeFromKind(kind)
	if attribute == nil {
		return nil, nil
	}
	if kind == spec.DataContentType {
		return attribute, m.header(contentTypeHeader)
	}
	return attribute, m.header(attributePrefix + attribute.Name())
}

// GetExtension returns an extension of a binary record.
func (m *message) GetExtension(name string) any { return m.header(attributePrefix + name) }

// header returns the last header of that name as a string, or nil.
func (m *message) header(name string) any {
	for _, h := range slices.Backward(m.record.Headers) {
		if strings.EqualFold(h.Key, name) {
			return string(h.Value)
		}
	}
	return nil
}

func isAttribute(header string) bool {
	return len(header) >= len(attributePrefix) && strings.EqualFold(header[:len(attributePrefix)], attributePrefix)
}
