# Ashna: `make run` and `make test` are all you need; `make help` lists the other targets.
#
# Order: npm packages (the embedded engine is one) → front ends → cargo, because the binary embeds
# the built front ends. A package folder is up to date if node_modules/.package-lock.json, npm's
# record of installed packages, is newer than the lock file.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
# Cargo profile of `make test`; `make build` and `make run` always use release.
PROFILE ?= dev
# Additional arguments of `make run`, such as ARGS='--listen 0.0.0.0:8080'.
ARGS ?=
# Scenario of `make load`.
SCENARIO ?= single
export CHROMIUM ?= $(shell command -v chromium chromium-browser google-chrome | head -n 1)
export FIREFOX ?= $(shell command -v firefox-esr firefox | head -n 1)

# Where advisories of Rust crates are published.
ADVISORIES := https://github.com/RustSec/advisory-db

sources = $(shell find $(1) -type f -not -name '.*')
installed = node_modules/.package-lock.json

TRACKER := tracker-js/dist/t.js
DASHBOARD := dashboard/dist/index.html
FRONT := $(TRACKER) $(DASHBOARD)
# Package of the browser tests of the whole service; empty if absent.
BROWSER_TESTS := $(patsubst %/package.json,%,$(wildcard tests/browser/package.json))
# Package of the tests with Segment's clients; empty if absent.
SDK_TESTS := $(patsubst %/package.json,%,$(wildcard tests/sdk/package.json))
# Cargo names the folder of the profiles dev and test `debug`.
TEST_BINARY := $(TARGET)/$(if $(filter dev test,$(PROFILE)),debug,$(PROFILE))/ashna

.PHONY: help
help: ## list the targets
	@sed -En 's/^([a-z]+):.* ## (.*)/  make \1\t\2/p' Makefile | expand -t 16

.PHONY: run
run: build ## build and serve on http://127.0.0.1:8080 with the demo shop, data in ./data
	@exec '$(TARGET)/release/ashna' serve --demo $(ARGS)

.PHONY: build
build: $(installed) $(FRONT) ## build the release binary, target/release/ashna
	@echo '== building the service (the first time takes several minutes)'
	cargo build --locked --release

.PHONY: test
test: test-rust test-load test-front test-browser test-sdk ## run all tests, including those in real browsers

.PHONY: test-rust
test-rust: $(installed) $(FRONT)
	@echo '== tests of the service'
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; \
		cargo nextest run --locked --cargo-profile $(PROFILE) --profile $(if $(CI),ci,default); \
		cargo test --locked --profile $(PROFILE) --doc; \
	else \
		set -x; \
		cargo test --locked --profile $(PROFILE); \
	fi

.PHONY: test-load
test-load:
	@echo '== tests of the load thresholds'
	node --test load/

.PHONY: test-front
test-front: check-front browser
	@echo '== tests of the dashboard'
	cd dashboard && npm test --silent
	@echo '== tests of the tracker in a real browser'
	cd tracker-js && npm run --silent size
	cd tracker-js && npm test --silent

.PHONY: test-browser
test-browser: $(BROWSER_TESTS:%=%/$(installed)) $(installed) $(FRONT) browser
	@$(if $(BROWSER_TESTS),,exit 0;) \
	echo '== tests of the whole service in a real browser'; \
	cargo build --locked --profile $(PROFILE); \
	cd $(BROWSER_TESTS) && ASHNA_BINARY='$(abspath $(TEST_BINARY))' npm test --silent

.PHONY: test-sdk
test-sdk: $(SDK_TESTS:%=%/$(installed)) $(installed) $(FRONT) browser
	@$(if $(SDK_TESTS),,exit 0;) \
	echo '== tests with Segment clients while the service is killed'; \
	cargo build --locked --profile $(PROFILE); \
	cd $(SDK_TESTS) && ASHNA_BINARY='$(abspath $(TEST_BINARY))' npm test --silent

.PHONY: lint
lint: $(FRONT) check-front ## check formatting, clippy, documentation, dependencies, types
	@echo '== linting the service'
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items --quiet
	@if cargo deny --version >/dev/null 2>&1; \
	then cargo fetch --locked --quiet && cargo deny --locked --offline check bans licenses sources; \
	else echo 'lint: cargo-deny is not installed; licences and sources were not checked (cargo install --locked cargo-deny)'; fi

.PHONY: advisories
advisories: ## check for known vulnerabilities of dependencies; needs a network and cargo-deny
	@# Not part of lint: what is published today must not break the build of yesterday.
	@if curl -sfI --max-time 5 $(ADVISORIES) >/dev/null 2>&1; then cargo deny --locked check advisories; \
	else echo 'advisories: $(ADVISORIES) cannot be reached'; fi

.PHONY: check-front
check-front: $(TRACKER) dashboard/$(installed)
	@echo '== type checks of the front ends'
	cd tracker-js && npm run --silent check
	cd dashboard && npm run --silent check

.PHONY: fmt
fmt: ## format the Rust code
	cargo fmt

.PHONY: bench
bench: $(installed) $(FRONT) ## run the benchmarks in benches/
	cargo bench --locked

.PHONY: load
load: build ## run a load scenario: make load SCENARIO=single|batches|decide|… (load/README.md)
	load/run.sh $(SCENARIO)

.PHONY: sbom
sbom: ## write the software bill of materials into sbom/
	@mkdir -p sbom
	@if cargo cyclonedx --version >/dev/null 2>&1; then \
		cargo cyclonedx --format json --override-filename ashna-rust >/dev/null; mv ashna-rust.json sbom/rust.cdx.json; \
	else \
		echo 'sbom: cargo-cyclonedx is not installed; Rust crates are listed as metadata of cargo (cargo install --locked cargo-cyclonedx)'; \
		cargo metadata --locked --format-version 1 > sbom/rust.metadata.json; \
	fi
	@npm sbom --omit dev --package-lock-only --sbom-format cyclonedx > sbom/engine.cdx.json
	@cd tracker-js && npm sbom --package-lock-only --sbom-format cyclonedx > ../sbom/tracker.cdx.json
	@cd dashboard && npm sbom --package-lock-only --sbom-format cyclonedx > ../sbom/dashboard.cdx.json
	@ls -l sbom

.PHONY: clean
clean: ## remove build output and packages; ./data stays
	cargo clean
	rm -rf sbom node_modules {tracker-js,dashboard,tests/browser,tests/sdk}/{node_modules,dist}

# --- npm packages and front ends -------------------------------------------------------------

$(installed): package.json package-lock.json | tools
	@echo '== fetching the embedded engine and the location database (some 150 MB)'
	npm ci --no-fund --no-audit
	@touch $@

%/$(installed): %/package.json %/package-lock.json | tools
	@echo '== fetching the packages of $*'
	cd $* && npm ci --no-fund --no-audit
	@touch $@

$(TRACKER): tracker-js/$(installed) $(call sources,tracker-js/src) $(wildcard tracker-js/*.mjs tracker-js/*.json)
	@echo '== building the tracker'
	cd tracker-js && npm run --silent build
	@touch $@

$(DASHBOARD): dashboard/$(installed) $(call sources,dashboard/src) $(wildcard dashboard/*.ts dashboard/*.js dashboard/*.json dashboard/*.html)
	@echo '== building the dashboard'
	cd dashboard && npm run --silent build
	@touch $@

# --- required tools ---------------------------------------------------------------------------

.PHONY: tools
tools:
	@missing=; for tool in cargo node npm cc; do command -v $$tool >/dev/null || missing+=" $$tool"; done; \
	if [ -n "$$missing" ]; then echo "not installed:$$missing (required: Rust, Node.js 20.19 or newer, a C compiler)" >&2; exit 1; fi; \
	node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
	|| { echo "Node.js $$(node --version) is too old: 20.19 or newer is required" >&2; exit 1; }

.PHONY: browser
browser:
	@missing=; [ -n '$(CHROMIUM)' ] || command -v chromium >/dev/null || missing+=" chromium"; \
	[ -n '$(FIREFOX)' ] || command -v firefox-esr >/dev/null || missing+=" firefox-esr"; \
	[ -z "$$missing" ] || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "== installing$$missing for the browser tests"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else echo "the browser tests require$$missing: install it, or set CHROMIUM=/path or FIREFOX=/path" >&2; exit 1; fi; }
