#!/usr/bin/env bash
# Fuzzes every target of the module, one after another: go test takes one at a
# time. What it finds it leaves in the package's testdata/fuzz; commit it.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=0
failed=0
for pkg in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
	listed=$(go test -list '^Fuzz' "$pkg") || { echo "$listed" >&2; exit 1; }
	for target in $(grep '^Fuzz' <<<"$listed" || true); do
		echo "--- $pkg $target"
		targets=$((targets + 1))
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" "$pkg" || failed=$((failed + 1))
	done
done
echo "$targets targets, $failed failed"
((targets > 0 && failed == 0))
