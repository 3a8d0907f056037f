// Package audience says who is to be reached: exact set algebra over the
// conditions that the push API can express.
//
// A user is a set of tags and at most one value per attribute. An Audience is a
// set of users that one call can name: everyone, users with any or with all of
// 1 to 10 tags, users with any or with all of 1 to 10 attribute pairs. An
// illegal one cannot be built; two that name the same users are equal.
//
// The package is pure: standard library only, no clock, no goroutine, no I/O.
// Its values are immutable and safe for concurrent use.
package audience
