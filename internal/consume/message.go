package consume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/format"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
)

// Header names of the Kafka protocol binding. Producers disagree about their
// case, so it is not looked at.
const (
	contentTypeHeader = "content-type"
	attributePrefix   = "ce_"
	versionHeader     = attributePrefix + "specversion"
)

// message shows a record to the SDK.
type message struct {
	record *Record
	mode   binding.Encoding
}

var _ binding.MessageReader = (*message)(nil)

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
	for _, h := range m.record.Headers {
		if !utf8.Valid(h.Value) && (isAttribute(h.Key) || strings.EqualFold(h.Key, contentTypeHeader)) {
			return fmt.Errorf("header %q: not UTF-8", h.Key)
		}
		switch {
		case strings.EqualFold(h.Key, contentTypeHeader):
			err = w.SetAttribute(version.AttributeFromKind(spec.DataContentType), string(h.Value))
		case strings.EqualFold(h.Key, versionHeader):
			// set first, by version
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
	if m.record.Value == nil {
		return nil
	}
	// The SDK keeps the buffer's bytes as the event's data, without a copy; both
	// belong to this record.
	return w.SetData(bytes.NewBuffer(m.record.Value))
}

// version sets the spec version, which decides what the other names mean.
func (m *message) version(w binding.BinaryWriter) (spec.Version, error) {
	var name string
	for _, h := range m.record.Headers {
		if strings.EqualFold(h.Key, versionHeader) {
			name = string(h.Value)
		}
	}
	version := spec.VS.Version(name)
	if version == nil {
		return nil, fmt.Errorf("header %q: unknown version %q, want 1.0 or 0.3", versionHeader, name)
	}
	attribute := version.AttributeFromKind(spec.SpecVersion)
	if attribute == nil {
		return nil, errors.New("the SDK does not know specversion")
	}
	return version, w.SetAttribute(attribute, name)
}

func isAttribute(header string) bool {
	return len(header) >= len(attributePrefix) && strings.EqualFold(header[:len(attributePrefix)], attributePrefix)
}
