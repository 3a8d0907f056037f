// Package ruletest runs the tests that operators write beside their rules: events
// and times in, calls and dispositions out, or one event in and what the rules make
// of it out.
//
// It has no mapper and no scheduler of its own: what a test sees is what
// internal/mapper and internal/simulate do, in virtual time. It reads no clock,
// starts no goroutine and prints nothing; the same files give the same Result.
//
//	rules_test.yaml ──Parse──► File ──Run──► Result ──► failures: wanted, got, why
//	                             │             └──────► coverage of the rules
//	                             └──Update──► the file's text, with what was got
//
// A File has one owner: who parsed it.
package ruletest
