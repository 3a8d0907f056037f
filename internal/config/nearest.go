package config

import "github.com/agnivade/levenshtein"

// Nearest returns the known word that differs least from word, or "" where none
// is near enough to have been meant: more than a third of its letters differ.
func Nearest(word string, known []string) string {
	best, distance := "", len(word)/3+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(word, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}
