# Skiff: what a developer does, by name. `make` alone lists it.
#
# Needs Debian 12 (or its like) with Rust; everything else comes with `make deps`. `verify` only reads, `fix` writes.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PATH := $(PATH):/usr/sbin:/sbin
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
SYSROOT = $$(rustc --print sysroot)
HOST = $$(rustc -vV | sed -n 's/^host: //p')
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || command -v sudo || echo needs-root)
# Further arguments of `make run`, such as UP="--nodes fake:3 --data-dir /tmp/x".
UP ?=
CLASS ?= A

# Program and the Debian package that has it; a program from elsewhere (containerd.io, a newer protoc) is as good.
TOOLS := containerd:containerd containerd-shim-runc-v2:containerd runc:runc protoc:protobuf-compiler ip:iproute2 \
         nft:nftables cc:build-essential busybox:busybox-static flock:util-linux
TEST_TOOLS := python3:python3 curl:curl
FILES := /etc/ssl/certs/ca-certificates.crt:ca-certificates
TEST_FILES := /usr/share/python-wheels:python3-venv

##@ Use

.PHONY: help
help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## Install what is missing, through apt (as root or with sudo)
	@$(call install,$(TOOLS),$(FILES))

.PHONY: build
build: ## Build everything in release, and the static sample function
	@echo "building skiff (the first time takes some minutes)"
	cargo build --release --locked --workspace --bins
	@$(MAKE) sample

.PHONY: sample
sample: ## Build the sample function, statically, as target/sample/skiff-hello
	@if [ -d "$(SYSROOT)/lib/rustlib/x86_64-unknown-linux-musl" ]; then target=x86_64-unknown-linux-musl; else target=$(HOST); fi; \
	export RUSTFLAGS="-C target-feature=+crt-static -C strip=symbols -C panic=abort"; \
	cargo build --release --locked --package skiff-hello --target $$target; \
	mkdir -p $(TARGET_DIR)/sample; \
	cmp -s $(TARGET_DIR)/$$target/release/skiff-hello $(TARGET_DIR)/sample/skiff-hello \
	  || install -m 755 $(TARGET_DIR)/$$target/release/skiff-hello $(TARGET_DIR)/sample/skiff-hello

.PHONY: run
run: deps build ## Run the whole system here with its own containerd, deploy the sample and ask it; UP="…" adds arguments
	@exec $(AS_ROOT) $(TARGET_DIR)/release/skiff up --try --sample $(TARGET_DIR)/sample/skiff-hello $(UP)

##@ Check

.PHONY: verify
verify: ## Check format, lints, the engine's purity and licences; writes nothing to the tree
	@if cargo fmt --version >/dev/null 2>&1; then \
	  cargo fmt --all --check; \
	else echo "SKIPPED verify: format (rustup component add rustfmt)"; fi
	@if cargo clippy --version >/dev/null 2>&1; then \
	  cargo clippy --locked --workspace --all-targets -- -D warnings; \
	else echo "SKIPPED verify: clippy (rustup component add clippy)"; fi
	@if [ -d "$(SYSROOT)/lib/rustlib/x86_64-unknown-none" ]; then \
	  cargo check --locked --package skiff-engine --target x86_64-unknown-none; \
	else echo "SKIPPED verify: engine without std (rustup target add x86_64-unknown-none)"; fi
	@if cargo deny --version >/dev/null 2>&1; then \
	  cargo deny --locked check bans licenses sources; \
	  cargo deny --locked check advisories || echo "verify: advisories need a look (or the network)"; \
	else echo "SKIPPED verify: licences and advisories (cargo install cargo-deny)"; fi

.PHONY: fix
fix: ## Format, and apply the lints' own suggestions
	cargo clippy --fix --allow-dirty --allow-staged --workspace --all-targets
	cargo fmt --all

.PHONY: test
test: test-deps verify sample clients ## Everything: verify, unit tests, real containerd, real kubectl and kn
	cargo build --profile quick --locked --workspace --bins
	cargo test --profile quick --locked --workspace -- --show-output 2>&1 | tee $(TARGET_DIR)/test.log
	@$(MAKE) skipped

.PHONY: test-deps
test-deps:
	@$(call install,$(TOOLS) $(TEST_TOOLS),$(FILES) $(TEST_FILES))

.PHONY: clients
clients: ## Install the real clients that the tests run into target/clients (what cannot be had is named)
	@conformance/clients.sh || echo "clients: $$(tail -n 1 $(TARGET_DIR)/clients/skipped 2>/dev/null || echo failed)"

.PHONY: skipped
skipped:
	@echo; echo "Skipped by name:"; \
	{ sed 's/^/  client /' $(TARGET_DIR)/clients/skipped 2>/dev/null || true; \
	  grep -h '^SKIPPED' $(TARGET_DIR)/test.log | sort -u | sed 's/^/  /' || true; } | grep . || echo "  nothing"

.PHONY: conformance
conformance: deps build ## Upstream's own conformance suite, CLASS=A (no containers), B, …
	@if [ -x conformance/kubernetes.sh ]; then conformance/kubernetes.sh $(CLASS); \
	else echo "conformance CLASS=$(CLASS): this tree has no runner for upstream's suite (conformance/kubernetes.sh)"; exit 1; fi

.PHONY: bench
bench: deps build ## Measure: creations, cold starts, memory; lists, writes, watches and documents of the API
	@for figure in creations cold coldstart memory lists posts watchers idle documents; do echo; echo "## $$figure"; $(TARGET_DIR)/release/load $$figure; done

.PHONY: readme
readme: ## Write the README's table of kinds anew
	SKIFF_BLESS=1 cargo test --locked --package skiff-kinds the_readme_has_this_table

##@ Tidy

.PHONY: clean
clean: ## Remove what was built; the data folder .skiff stays
	cargo clean

# Installs the packages of missing programs and files, with one update of the index, and only if something is missing.
define install
missing=""; \
for pair in $(1); do command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; done; \
for pair in $(2); do [ -e "$${pair%%:*}" ] || missing="$$missing $${pair##*:}"; done; \
missing=$$(echo $$missing | tr ' ' '\n' | sort -u | tr '\n' ' '); \
[ -n "$${missing// /}" ] || exit 0; \
command -v apt-get >/dev/null || { echo "deps: no apt-get here; install by hand: $$missing"; exit 1; }; \
[ "$(AS_ROOT)" != needs-root ] || { echo "deps: missing $$missing: run 'make deps' as root"; exit 1; }; \
echo "installing $$missing"; \
$(AS_ROOT) apt-get -qq update; \
$(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing >/dev/null
endef
