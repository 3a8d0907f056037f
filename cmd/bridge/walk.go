package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// walk puts a path's files in the place of each path that ends in /...: those below
// it, in order, that keep takes. Other paths stay as they are, and are no directories.
func walk(paths []string, keep func(path string) bool) ([]string, error) {
	var all []string
	for _, path := range paths {
		root, below := strings.CutSuffix(path, "...")
		if !below || root != "" && !strings.HasSuffix(root, "/") && !strings.HasSuffix(root, string(filepath.Separator)) {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				return nil, exitError{code: exitUsage, err: fmt.Errorf("%s is a directory: %s is the files below it", path, strings.TrimRight(path, "/")+"/...")}
			}
			all = append(all, path)
			continue
		}
		if root == "" {
			root = "."
		}
		found := len(all)
		err := filepath.WalkDir(filepath.Clean(root), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && len(entry.Name()) > 1 && strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..":
				return fs.SkipDir
			case !entry.IsDir() && keep(path):
				all = append(all, path)
			}
			return nil
		})
		if err != nil {
			return nil, exitError{code: exitUsage, err: unreadFile(path, "what is below", err)}
		}
		if len(all) == found {
			return nil, exitError{code: exitUsage, err: fmt.Errorf("%s: no such file is below it", path)}
		}
	}
	if len(all) == 0 {
		return nil, exitError{code: exitUsage, err: errors.New("name at least one file")}
	}
	return slices.Compact(all), nil
}

// isYAML says whether the name is a YAML file's.
func isYAML(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".yaml" || ext == ".yml"
}
