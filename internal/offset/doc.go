// Package offset keeps account of positions in Kafka: which records are done,
// and below which offset a partition may be committed.
//
// It is pure: it commits nothing and reads no clock. A Watermark has one owner
// and is not safe for concurrent use; the other types are values.
package offset
