# What a developer does, each target with its own set-up: say `make help`.
#
# Set-up is remembered by stamps in .cache, so it is done once, and again only when what it depends on changes.
# Nothing outside the checkout is touched but system packages (scripts/packages.txt), and Go's and npm's own caches.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

CACHE := $(CURDIR)/.cache
STAMP := $(CACHE)/stamp
TOOLS := $(CACHE)/bin
export PATH := $(TOOLS):$(CACHE)/node/bin:$(PATH)

# The exact versions of the tools: a new one may find new things, and that is a commit of its own.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.14.0
GOFUMPT := mvdan.cc/gofumpt@v0.11.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT := $(shell git rev-parse HEAD 2>/dev/null)
BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)'
# Built output is committed, so that a checkout without Node.js builds: docs/adr/0001-committed-console.md.
DIST := internal/console/dist

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##
## Running and building: these need Go and nothing else.
##

.PHONY: run
run: build ## build, and serve the demo at http://127.0.0.1:7400, data in ./data (more flags: make run ARGS="--http ...")
	@exec bin/proscenium serve --demo $(ARGS)

.PHONY: build
build: go-modules ## bin/proscenium and bin/proscenium-load, static, the console inside
	@mkdir -p bin
	$(BUILD) -o bin/ ./cmd/proscenium ./cmd/proscenium-load

.PHONY: go-modules
go-modules: $(STAMP)/go-modules
$(STAMP)/go-modules: go.mod go.sum
	@command -v go >/dev/null || { echo "Go is needed to build: https://go.dev/doc/install" >&2; exit 1; }
	@mkdir -p $(@D)
	@echo "set-up: downloading Go modules"
	@go mod download
	@touch $@

##
## Tests: make test is the whole truth.
##

# Tests use the binary that was built and the browser that is there, and with everything set up skip nothing.
TEST_ENV = PROSCENIUM_BIN=$(CURDIR)/bin \
  PROSCENIUM_TEST_REQUIRE=$(if $(PROSCENIUM_SKIP_PACKAGES),,all) \
  CHROMIUM=$${CHROMIUM:-$$(command -v chromium chromium-browser google-chrome | head -n 1)}

.PHONY: test
test: setup ## everything that must pass: lint, Go, web, browsers, other people's clients
	@$(MAKE) lint
	@$(MAKE) test-go
	@$(MAKE) test-web
	@$(MAKE) test-browser

.PHONY: test-go
test-go: setup build ## the Go tests, shuffled, with the race detector; SDKs and ingest clients among them
	$(TEST_ENV) go test -race -shuffle=on -timeout 10m ./...

.PHONY: test-web
test-web: npm ## types and unit tests of SDK and console; a rebuild of the console must change nothing
	cd web && npm run --silent check
	@scripts/fresh-console

.PHONY: test-browser
test-browser: setup build ## the console in headless Chromium against the real binary
	cd test/browser && $(TEST_ENV) npm test --silent

.PHONY: lint
lint: tools go-modules ## formatting, generated files, go vet, golangci-lint, known vulnerabilities
	@unformatted=$$(git ls-files --cached --others --exclude-standard '*.go' | grep -v '_gen\.go$$' | xargs -r ls -d 2>/dev/null | xargs -r gofumpt -l); \
	  if [ -n "$$unformatted" ]; then echo "gofumpt would change (make fmt does):" >&2; echo "$$unformatted" >&2; exit 1; fi
	@scripts/generated
	go vet ./...
	golangci-lint run --allow-parallel-runners ./...
	@scripts/vulncheck

.PHONY: fmt
fmt: tools ## format all Go files
	golangci-lint fmt ./...

.PHONY: bench
bench: go-modules ## the benchmarks of the packet path, and of the API on both databases
	go test -run '^$$' -bench . -benchmem ./internal/media/... ./internal/packetio/... ./internal/rtc/... ./internal/sfu/...
	@$(MAKE) bench-api

.PHONY: bench-api
bench-api: go-modules ## the API's calls per second and core, and their p99, through SigV4 over loopback
	go test -run '^$$' -bench 'GetStage|CreateParticipantToken|CreateStage' -benchtime 5s ./internal/node

.PHONY: bench-media
bench-media: build ## the table of docs/performance.md, raw output into docs/performance/: 15 minutes, on a quiet machine
	@scripts/bench-media

.PHONY: profile
profile: build ## CPU, allocation and heap profiles of a server with 100 viewers, into .cache/profile
	bin/proscenium-load --spawn bin/proscenium --pin --viewers 100 --duration 30s --no-floor --profile $(CACHE)/profile
	@go tool pprof -top -nodecount 15 $(CACHE)/profile/cpu.pb.gz
	@go tool pprof -top -nodecount 15 -sample_index=alloc_space $(CACHE)/profile/allocs.pb.gz

SOAK ?= 30m
.PHONY: soak
soak: build ## participants come and go in every way for SOAK (30m): fails if memory, goroutines or files grow
	bin/proscenium-load --spawn bin/proscenium --churn 12 --bitrate 600k --duration $(SOAK)

.PHONY: bad-networks
bad-networks: setup build ## lossy and slow lines, with and without recovery, and Chromium on them: rewrites the tables of docs/performance.md
	@mkdir -p docs/performance
	go run ./test/impair/run -out docs/performance -page docs/performance.md -browser test/browser/impair.mjs

FUZZTIME ?= 10s
FUZZ ?= .
.PHONY: fuzz
fuzz: go-modules ## every fuzz target for FUZZTIME (10s, or 1000000x executions) each, or those that match FUZZ; sums up
	@scripts/fuzz $(FUZZTIME) '$(FUZZ)'

##
## Making what is committed.
##

.PHONY: web
web: npm ## build SDK and console into internal/console/dist
	cd web && npm run --silent build

.PHONY: generate
generate: go-modules ## run the generators of code
	go generate -skip make-loop ./...

.PHONY: docs
docs: go-modules ## rewrite the generated pages of docs/
	go test ./internal/config -run TestReference -update

##
## Set-up.
##

.PHONY: setup
setup: ## all that make test needs; says what it installs
	@$(MAKE) -j4 tools go-modules system npm

.PHONY: tools
tools: $(STAMP)/golangci-lint $(STAMP)/gofumpt $(STAMP)/govulncheck

# One tool: remembered by the text of its version, so that a changed pin installs again.
define tool
$$(STAMP)/$(1): $$(STAMP)/go-modules
	@mkdir -p $$(@D) $$(TOOLS)
	@if [ "$$$$(cat $$@.version 2>/dev/null)" != "$(2)" ] || [ ! -x $$(TOOLS)/$(1) ]; then \
	  echo "set-up: go install $(2)"; \
	  GOFLAGS= GOBIN=$$(TOOLS) go install $(2); \
	  echo "$(2)" > $$@.version; fi
	@touch $$@
endef
$(eval $(call tool,golangci-lint,$(GOLANGCI_LINT)))
$(eval $(call tool,gofumpt,$(GOFUMPT)))
$(eval $(call tool,govulncheck,$(GOVULNCHECK)))
$(STAMP)/golangci-lint $(STAMP)/gofumpt $(STAMP)/govulncheck: Makefile

.PHONY: system
system: $(STAMP)/system
$(STAMP)/system: scripts/packages.txt scripts/apt
	@mkdir -p $(@D)
	@scripts/apt
	@touch $@

.PHONY: node
node: $(STAMP)/node
$(STAMP)/node: scripts/node $(STAMP)/system
	@mkdir -p $(@D)
	@scripts/node
	@touch $@

# npm ci from each lock file there is.
LOCKS := $(wildcard web/package-lock.json test/browser/package-lock.json test/conformance/js/package-lock.json test/events/js/package-lock.json)
NPM := $(foreach lock,$(LOCKS),$(STAMP)/npm/$(lock))
.PHONY: npm
npm: $(NPM)
$(NPM): $(STAMP)/npm/%: % $(STAMP)/node
	@mkdir -p $(@D)
	@echo "set-up: npm ci in $(dir $*)"
	@cd $(dir $*) && npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: clean
clean: ## remove what was built and the set-up's caches; data stays
	rm -rf bin $(CACHE) web/node_modules web/*/node_modules test/browser/node_modules test/conformance/js/node_modules test/events/js/node_modules
