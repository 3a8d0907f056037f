package main

import (
	"errors"
	"os"
	"path/filepath"
)

// replaceRules replaces a file at once, and keeps what it said beside it.
func replaceRules(path string, data []byte) (kept string, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New(path + " is no plain file but a link to another, as a mounted ConfigMap's is")
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	kept = path + ".previous"
	for _, w := range []struct {
		path string
		data []byte
	}{{kept, old}, {path, data}} {
		if err := writeWhole(w.path, w.data, info.Mode().Perm()); err != nil {
			return "", err
		}
	}
	return kept, nil
}

// writeWhole makes a file say this or, after a crash, what it said before.
func writeWhole(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // which after the rename is not there
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
