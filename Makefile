# Freehold. `make up` builds everything from a bare Debian 12 machine; `make help` lists the rest.

PYTHON ?= python3
# What a user sets must not be lost on the way to root.
KEPT := FREEHOLD_LAB,FREEHOLD_LAB_PLAN,FREEHOLD_LAB_ENGINE,FREEHOLD_CACHE,XDG_CACHE_HOME,FREEHOLD_PULUMI,FREEHOLD_PULUMI_COMMAND
KEPT := $(KEPT),GOPROXY,PIP_INDEX_URL,PIP_CONFIG_FILE,HTTP_PROXY,HTTPS_PROXY,NO_PROXY,http_proxy,https_proxy,no_proxy
SUDO := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=$(KEPT) env PATH="$$PATH")
BIN := .venv/bin
ENVIRONMENT := $(SUDO) env PYTHONPATH=python $(PYTHON) -m freehold.environment
# Each of 32 syntax checks would load this tree's inventory plugin, for an inventory that none of them has.
QUIET_LINT := PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_LINT_SKIP_SCHEMA_UPDATE=1 ANSIBLE_LINT_NODEPS=1 ANSIBLE_INVENTORY_ENABLED=yaml NO_COLOR=1
# What ansible-lint reads: all files but those that .ansible-lint leaves out; and what it is made of.
LINTED := git ls-files -coz --exclude-standard -- . $(shell sed -n "s|^  - \(.*\)/$$|':!\1'|p" .ansible-lint)
LINTED := { $(LINTED) | xargs -0 sha256sum 2>/dev/null; ls .venv/lib/python3*/site-packages; } | sha256sum
# Unset, Python keeps what it compiled, and pytest what it rewrote: else each start of each check does it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up down status check test test-full bench bench-gateway bench-provisioning lock format environment environment-dev lint ruff ansible-lint types unit

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

up: environment  ## From a bare machine to an endpoint that answers; NODES=3 for more nodes, or fewer
	@$(SUDO) $(BIN)/freehold lab up $(if $(NODES),--nodes $(NODES))

down: environment  ## Remove every trace of the lab
	@$(SUDO) $(BIN)/freehold lab down

status:  ## What the fleet is, whether it is sovereign, what a token costs
	@$(SUDO) $(BIN)/freehold status

check: environment-dev  ## Lint, types, unit tests: all the time, under 3 minutes
	@$(MAKE) --no-print-directory --jobs=4 --keep-going --output-sync=target ruff types ansible-lint unit

test: check  ## Everything of `check`, the plugin's conformance, real programs on loopback, and the lab
	@$(SUDO) $(BIN)/freehold lab test

test-full: check  ## The long lanes too, and what a request costs
	@$(SUDO) $(BIN)/freehold lab test --full
	@$(BIN)/python -m tests.bench.gateway

bench: environment-dev  ## The figures of docs/benchmarks.md, measured here and now on the lab that is up
	@$(SUDO) $(BIN)/python tests/bench/main_job.py

bench-gateway: environment-dev  ## What a request costs through the gateway, LiteLLM, vllm-router, none: 15 minutes
	@$(BIN)/python -m tests.bench.gateway

bench-provisioning: environment-dev  ## The same forty things by Ansible, mitogen and pyinfra: 30 minutes
	@$(SUDO) $(BIN)/python -m tests.bench.provisioning

lock: environment-dev  ## Resolve requirements/*.in anew, with digests and without index addresses
	@$(BIN)/python -m freehold.toolchain.lock

format: environment-dev  ## Rewrite the code in its one form
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

environment:
	@$(ENVIRONMENT) control

environment-dev:
	@$(ENVIRONMENT) dev

lint: ruff ansible-lint

ruff:
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check . && echo "ok ruff"

# Behind the tests beside it, which wait for one another. What passed is read again when a file of it is another.
ansible-lint:
	@read="$$($(LINTED))"; ok="ok ansible-lint, profile production"; \
	if [ "$$read" = "$$(cat .ansible/linted 2>/dev/null)" ]; then echo "$$ok: nothing is new since it passed"; exit; fi; \
	$(QUIET_LINT) nice $(BIN)/ansible-lint --offline -q && mkdir -p .ansible && echo "$$read" >.ansible/linted && echo "$$ok"

types:
	@$(BIN)/mypy

unit:
	@$(BIN)/pytest -q --numprocesses auto --dist loadfile tests/unit tests/stacks tests/repo
