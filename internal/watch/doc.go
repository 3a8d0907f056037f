// Package watch says when files may say something else than before.
//
// It compares what is in them: by the file system's notices soon after a change,
// and by looking now and then where there are none (network file systems, a limit of
// notices that is reached). A file that is replaced, a symbolic link that is turned,
// as Kubernetes does with the `..data` of a ConfigMap, and a folder's files are all
// the same to it: other content at the same path.
//
// It never reads what the content means, and tells nobody but who called Run.
package watch
