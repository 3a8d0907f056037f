// Package helm is the chart of the bridge and its tests: nothing here is part
// of the program.
//
// The tests render bridge/ with every bridge/ci/*-values.yaml, decode each
// object strictly into its Kubernetes type, and hand the environment that the
// chart sets to the bridge's own configuration. They need no cluster.
package helm
