# Every target is a line or two that a person could type. CI runs .ci/run.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build test race soak soak-kafka lint golden picture promises fuzz bench bench-rules bench-coalesce kafka kafka-stop

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
TOOL    := go tool -modfile=$(CURDIR)/tools/go.mod
MODULES := . tools deploy/helm
# go test says nothing of skipped tests in packages that pass.
SKIPPED := [ -n "$${BRIDGE_TEST_KAFKA:-}" ] || [ -s .cache/kafka/address ] || echo 'SKIPPED: every test against a real Kafka; make kafka starts one' >&2; \
	command -v kcat >/dev/null || echo 'SKIPPED: every test with kcat; install kcat' >&2; \
	command -v chromium chromium-browser google-chrome >/dev/null || echo 'SKIPPED: every test of a page in a browser; install chromium' >&2

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Run the whole bridge on this machine: embedded Kafka, simulated push API
	go run ./cmd/bridge demo

build: ## Build the static binary bin/bridge
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/bridge ./cmd/bridge

test: $(if $(filter true,$(CI)),kafka) ## Run all tests in random order (CI=true starts a real Kafka first)
	for m in $(MODULES); do go test -C $$m -shuffle=on ./...; done
	@$(SKIPPED)

race: $(if $(filter true,$(CI)),kafka) ## Run the bridge's tests under the race detector
	go test -race -shuffle=on ./...
	@$(SKIPPED)

soak: ## Run SEEDS (100) random hours to weeks of the whole bridge in virtual time, from SEED (0); FAULTS=0,2 keeps those of a plan
	BRIDGE_SOAK_SEEDS=$(or $(SEEDS),100) BRIDGE_SOAK_SEED=$(SEED) BRIDGE_SOAK_FAULTS=$(FAULTS) GOGC=400 go test -run '^TestSoak$$' -count=1 -v -timeout 0 ./internal/bridge | grep -vE '^ *(===|--- PASS)'

lint: ## golangci-lint, go vet, go mod tidy -diff, govulncheck
	for m in $(MODULES); do (cd $$m && go vet ./... && go mod tidy -diff && $(TOOL) golangci-lint run -c $(CURDIR)/.golangci.yml); done
	scripts/vulncheck.sh

golden: ## Rewrite the golden files and scripts; then read the diff
	scripts/golden.sh

picture: ## Take the picture of the console that the README shows
	go test -count 1 -run '^TestConsoleShowsTheDemo$$' ./cmd/bridge -args -picture $(CURDIR)/docs/console.png

promises: ## Print which tests guard which of the five promises, and whether they pass
	go test -json ./... | go run -C tools ./promises

fuzz: ## Fuzz every target for FUZZTIME (30s)
	scripts/fuzz.sh

bench: ## Run every benchmark COUNT (6) times and print the medians, then the whole program beside a raw fetch, then many rules
	mkdir -p .cache && go test -run '^$$' -bench . -benchmem -count $(or $(COUNT),6) ./... | tee .cache/bench.txt && $(TOOL) benchstat .cache/bench.txt
	go run ./bench/throughput
	@$(MAKE) --no-print-directory bench-rules

bench-rules: ## Time bridge check and bridge simulate with RULES (1000) rules and EVENTS (1000000) events
	go run ./bench/rules run $(or $(RULES),1000) $(or $(EVENTS),1000000)

bench-coalesce: ## Print the scheduler beside simpler ways to spend the calls, as Markdown (two minutes)
	go run ./bench/coalesce table

soak-kafka: $(if $(BRIDGE_TEST_KAFKA),,kafka) ## Kill and freeze the writer on a real Kafka ROUNDS (200) times, and judge every event and call (SEED)
	SOAK_ROUNDS=$(or $(ROUNDS),200) SOAK_SEED=$(or $(SEED),1) go test -run '^TestSoak' -v -count 1 -parallel 8 -timeout 60m ./cmd/bridge

kafka: ## Start a real Apache Kafka on loopback (KAFKA_VERSION, KAFKA_PORT), its address in .cache/kafka/address
	scripts/kafka.sh start

kafka-stop: ## Stop it
	scripts/kafka.sh stop
