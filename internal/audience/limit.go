package audience

import "fmt"

// LimitError says which limit of the API a condition would break.
type LimitError struct {
	Field    string // what was counted: "tags", "bytes of tag \"x\""
	Got, Max int    // the minimum is 1 where Max is not 0
}

// Error names the field, what it has and what is allowed.
func (e *LimitError) Error() string {
	if e.Max == 0 {
		return fmt.Sprintf("%s: %d, allowed none", e.Field, e.Got)
	}
	return fmt.Sprintf("%s: %d, allowed 1 to %d", e.Field, e.Got, e.Max)
}
