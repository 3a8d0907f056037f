// Package config is the environment: one struct, each variable documented once,
// in its field.
//
// It only reads and checks. It opens no connection and knows none of our
// packages; commands turn its values into what those take.
package config
