package main

import (
	"fmt"
	"io"
	"strings"
)

// annotation is a finding as GitHub shows it beside the line that it is about.
type annotation struct {
	level        string // error or warning
	file         string
	line, column int // 0: not known
	title        string
	text         string
}

// write writes GitHub's workflow command.
func (a annotation) write(w io.Writer) {
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	text := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	place := "file=" + property.Replace(a.file)
	if a.line > 0 {
		place += fmt.Sprintf(",line=%d,col=%d", a.line, a.column)
	}
	if a.title != "" {
		place += ",title=" + property.Replace(visible(a.title))
	}
	fmt.Fprintf(w, "::%s %s::%s\n", a.level, place, text.Replace(visible(a.text)))
}
