# Everything there is to do in this repository: `make` lists it.

SHELL := bash
.DEFAULT_GOAL := help

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: run 'make tools'" >&2; exit 1; }; cargo deny

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Watch a stage, then its canary releases (ACT=1 or ACT=2 plays one of the two, KEEP=1 leaves it up)
	@demo/run.sh

.PHONY: test
test: ## Check everything: format, lints, docs, generated files, all tests
	@scripts/check.sh

.PHONY: lint
lint: ## Check workflows, Dockerfile, format, lints and docs only
	@scripts/check.sh files format clippy rustdoc

.PHONY: bench
bench: ## Measure the simulator, the sequential test and the operator; fails where one breaks its promise (the tables are long)
	cargo build --locked --release -p apigateway-simulator
	cargo run --locked --release -p simulator-bench
	cargo run --locked --release -p analysis-bench
	@$(MAKE) --no-print-directory bench-operator

# The operator is built alone, as the image's is: with others its libraries would have other features.
.PHONY: bench-operator
bench-operator: ## Measure the operator alone: half an hour (BENCH="ready rest quota releases large" is all of it)
	testbed/control-plane/build.sh
	cargo build --locked --release -p apigateway-simulator
	cargo build --locked --release -p stagecraft --bin stagecraft
	cargo run --locked --release -p stagecraft-bench -- $(BENCH)

.PHONY: faults
faults: ## Strike every kind of call to AWS by every fault alone, and in every position of the simulator's switches (an hour)
	cargo run --quiet --locked -p testbed -- exec -- \
	  cargo test --locked -p stagecraft --test stories -- --ignored --nocapture faults::

.PHONY: build
build: ## Build all programs, for debugging
	cargo build --locked --workspace --bins

.PHONY: fmt
fmt: ## Format the Rust code
	cargo fmt --all

.PHONY: crds
crds: ## Write crds/ and the chart's copy of it anew from the Rust types
	cargo run --quiet --locked -p stagecraft -- crds --dir crds
	rm -rf charts/stagecraft/files/crds && cp -r crds charts/stagecraft/files/crds

.PHONY: metrics
metrics: ## Write docs/metrics.md anew from the registry
	cargo test --quiet --locked -p stagecraft --lib -- --ignored --exact metrics::tests::write_the_document

.PHONY: reference
reference: ## Write docs/reference anew from the definitions
	cargo test --quiet --locked -p stagecraft-core --test reference -- --ignored --exact write_the_pages

.PHONY: argocd
argocd: ## Write argocd/argocd-cm.yaml anew from the Lua files beside it
	cargo test --quiet --locked -p stagecraft-argocd --lib -- --ignored --exact config_map::tests::write_the_file

.PHONY: argocd-objects
argocd-objects: ## Write the objects that the tests of argocd/ are about anew from the stories
	STAGECRAFT_WRITE_OBJECTS=1 cargo run --quiet --locked -p testbed -- exec -- cargo test --quiet --locked -p stagecraft --test stories argocd::

.PHONY: guidance
guidance: ## Write the tables of docs/analysis.md anew: how long a step must be
	cargo run --quiet --locked -p analysis-bench -- --guidance docs/analysis.md

.PHONY: rehearse-docs
rehearse-docs: ## Write the time line and the picture of docs/rehearse.md anew
	cargo test --quiet --locked -p kubectl-stagecraft --test rehearse -- --ignored --exact document::write_the_document

.PHONY: chart-readme
chart-readme: ## Write the table of values in the chart's README anew from the comments of values.yaml
	cargo test --quiet --locked -p stagecraft --test chart -- --ignored --exact readme::write_the_readme

.PHONY: objects
objects: ## Write the objects anew that the plugin's screens are tested with
	cargo test --quiet --locked -p stagecraft-core --lib -- --ignored --exact plan::tests::screens::write_the_objects

.PHONY: control-plane
control-plane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into the user's cache (once)
	@testbed/control-plane/build.sh

.PHONY: helm
helm: ## Build helm into the user's cache (once)
	@testbed/control-plane/build.sh --helm

# A simulator, any other endpoint, or a real account: simulator/conformance/README.md.
CONFORMANCE := cargo run --quiet --locked -p apigateway-conformance --
CONFORMANCE_PLACE := $(if $(AWS),--aws $(if $(YES_REAL_ACCOUNT),--yes-real-account),--endpoint '$(or $(ENDPOINT),http://127.0.0.1:4570)')

.PHONY: conformance
conformance: ## Play the facts about API Gateway (ENDPOINT=http://... or AWS=1 YES_REAL_ACCOUNT=1; ROWS=3.2-)
	@$(CONFORMANCE) play $(CONFORMANCE_PLACE) --rows '$(ROWS)' --report conformance-unknowns.md

.PHONY: conformance-clean
conformance-clean: ## Delete what killed runs of `make conformance` left behind (same variables)
	@$(CONFORMANCE) clean $(CONFORMANCE_PLACE)

.PHONY: deny
deny: ## Check the dependencies: licences, sources, duplicates, bans (needs cargo-deny: `make tools`)
	@$(CARGO_DENY) --locked check --deny unmatched-skip bans licenses sources

# Apart: a new advisory must not stop other work. It fetches RustSec's database.
.PHONY: advisories
advisories: ## Check the dependencies for known vulnerabilities (needs cargo-deny and the network)
	@$(CARGO_DENY) --locked check advisories

.PHONY: tools
tools: ## Install cargo-deny
	cargo install --locked cargo-deny --version $(CARGO_DENY_VERSION)
