package config

import (
	"fmt"
	"log/slog"
)

// Secret is a text that no format, log or encoder prints. It is behind a
// pointer because fmt asks no methods of values in unexported fields.
type Secret struct{ text *string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

const redacted = "[redacted]"

// Reveal returns the text, for the one place that must use it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsEmpty says whether there is no text.
func (s Secret) IsEmpty() bool { return s.Reveal() == "" }

// Format writes [redacted] for every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue returns [redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns [redacted].
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes the text from the environment.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = NewSecret(string(b))
	return nil
}
