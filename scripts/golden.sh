#!/usr/bin/env bash
# Rewrites what tests compare with. Datadriven packages know a -rewrite flag;
# all others read GOLDEN=1 from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."

export GOLDEN=1
scripted=()
plain=()
for pkg in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
	imports=$(go list -f '{{join .TestImports " "}} {{join .XTestImports " "}}' "$pkg")
	if [[ $imports == *cockroachdb/datadriven* ]]; then scripted+=("$pkg"); else plain+=("$pkg"); fi
done
((${#plain[@]} == 0)) || go test -count=1 "${plain[@]}"
((${#scripted[@]} == 0)) || go test -count=1 "${scripted[@]}" -rewrite
git --no-pager diff --stat
