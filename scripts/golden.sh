#!/usr/bin/env bash
# Rewrites what tests compare with. A package with datadriven scripts knows the
# flag -rewrite, one that declares it -update; all others read GOLDEN=1.
set -euo pipefail
cd "$(dirname "$0")/.."

export GOLDEN=1
while read -r pkg dir; do
	flags=()
	if grep -qs 'cockroachdb/datadriven' "$dir"/*_test.go; then flags+=(-rewrite); fi
	if grep -qs 'flag.Bool("update"' "$dir"/*_test.go; then flags+=(-update); fi
	go test -count=1 "$pkg" "${flags[@]}"
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./...)
git --no-pager diff --stat
