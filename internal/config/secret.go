package config

import "log/slog"

// Secret is a text that no format, log or encoder prints.
type Secret struct{ text string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text: text} }

const redacted = "[redacted]"

// Reveal returns the text, for the one place that must use it.
func (s Secret) Reveal() string { return s.text }

// IsEmpty says whether there is no text.
func (s Secret) IsEmpty() bool { return s.text == "" }

// String returns [redacted].
func (s Secret) String() string { return redacted }

// GoString returns [redacted], so that %#v does not print the field.
func (s Secret) GoString() string { return redacted }

// LogValue returns [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns [redacted].
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes the text from the environment.
func (s *Secret) UnmarshalText(b []byte) error {
	s.text = string(b)
	return nil
}
