package scheduler

import (
	"fmt"
	"io"
)

// Secret is a text that no log, error, transcript or JSON may show. It is shown nowhere by itself: whoever needs the text
// converts it, string(secret), which is easy to find. It must not be the key of a map, nor stand in an unexported field of what is
// printed: there, packages fmt and json look past its methods.
type Secret string

const hidden = "(secret)"

// String implements fmt.Stringer without showing the text.
func (Secret) String() string { return hidden }

// GoString implements fmt.GoStringer without showing the text.
func (Secret) GoString() string { return hidden }

// Format implements fmt.Formatter: no verb shows the text, not even those that print its bytes.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, hidden) }

// MarshalJSON implements json.Marshaler without showing the text.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
