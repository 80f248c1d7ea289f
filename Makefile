# herdsman for its developers: `make run` to see it, `make test` to prove it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DASHBOARD := web/static/index.html
PYTEST := $(BIN)/python -m pytest

.PHONY: help setup run test check bench figures engines lock docs screenshots one-copy dist dashboard test-dashboard format faults fuzz soak clean
.DEFAULT_GOAL := help

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.ready $(DASHBOARD) ## Install everything into .venv, at the locked versions

$(VENV)/.ready: requirements/dev.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "herdsman needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || { echo "setup: making $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "setup: installing locked dependencies ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@HERDSMAN_SKIP_DASHBOARD=1 $(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
	@echo "setup: $(BIN)/herdsman is ready"

dashboard: $(DASHBOARD) ## Build the dashboard into web/static

$(DASHBOARD): $(VENV)/.ready $(shell find web/dashboard/src web/dashboard/index.html web/dashboard/package-lock.json -type f 2>/dev/null)
	@echo "setup: building the dashboard ..."
	@$(BIN)/python hatch_build.py
	@touch $@

LISTEN ?= 127.0.0.1:8420

run: setup ## Run herdsman with the demo fleet (stop with Ctrl-C)
	@exec $(BIN)/herdsman up --data .data/demo --listen $(LISTEN) --seed examples/fleet --fleet demo

# Most tests wait for servers: three at a time keep two cores busy. A file's tests share servers, so it is one's work.
WORKERS ?= 3

test: setup engines ## Run every test, on real servers and in a real browser
	@$(BIN)/python -m compileall -q cli controller gitops schemas telemetry web # else each process of a test does
	$(PYTEST) tests -n $(WORKERS) --dist loadfile
	@$(MAKE) --no-print-directory test-dashboard

test-dashboard: setup ## Run the dashboard's own tests
	@$(BIN)/python hatch_build.py test

check: setup ## Lint, format, types, import rules, dashboard types and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python hatch_build.py check

format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup engines ## Measure the figures, each beside its floor
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/bench.txt
	$(BIN)/python -m bench

fuzz: setup ## Read 100,000 made-up manifests: each is read or refused, soon (SEED=n for others)
	@$(BIN)/python -m tests.fuzz --seed $(or $(SEED),1) --inputs $(or $(INPUTS),100000)

figures: ## Publish the last `make bench`: results, plots and table into bench/ and docs/
	$(BIN)/python -m bench.publish

engines: $(VENV)/.ready ## Build or fetch the real servers that tests use
	@$(BIN)/python engines/build.py

lock: ## Resolve and hash the dependencies anew
	$(BIN)/python requirements/lock.py --upgrade

dist: $(VENV)/.ready ## Build the wheel, with the dashboard in it, and its locked requirements into dist/
	@rm -rf dist
	@$(BIN)/uv build -q --wheel --no-build-isolation --python $(BIN)/python --out-dir dist .
	@cp requirements/run.txt dist/requirements.txt
	@cd dist && sha256sum -- *.whl requirements.txt > SHA256SUMS
	@echo "dist: $$(ls dist/*.whl), requirements.txt, SHA256SUMS; docs/install.md says how to install them"

docs: $(VENV)/.ready ## Write the pages of docs/ that are made from the program itself
	@$(BIN)/python -m docs.reference

one-copy: setup engines ## Prove on a 3+3 Nomad cluster that no two copies of a bot meet (an hour), into docs/reliability.md
	@rm -rf .one-copy
	HERDSMAN_ONE_COPY=all $(PYTEST) tests/faults/test_one_copy.py -n $(WORKERS) --dist load
	@$(BIN)/python -m tests.faults.publishing

faults: setup engines ## Make 200 seeded runs through faults, 40 of them on Nomad, as root (SEED=n BOTS=n repeats one, NOMAD=1 on Nomad)
	@$(if $(SEED),,rm -f .fault-runs.jsonl)
	$(BIN)/python -m tests.faults.runs --bots $(or $(BOTS),30) --steps $(or $(STEPS),7) $(if $(SEED),--seed $(SEED) --on-nomad $(or $(NOMAD),0),--runs 160 --on-nomad 40 --keep .fault-runs.jsonl --publish)

soak: setup engines ## Print 1,000,000 lines of 100 bots through kills and full disks, as root, and count them (SEED=n LINES=n)
	$(BIN)/python -m tests.soak --seed $(or $(SEED),1) --lines $(or $(LINES),1000000) --publish
	$(BIN)/python -m tests.soak --seed $(or $(SEED),1) --lines $(or $(LINES),1000000) --publish --embedded

screenshots: setup engines ## Take the pictures of docs/images anew, from the demo fleet
	@$(BIN)/python -m docs.screenshots

clean: ## Remove what was built here (not the caches, not .data)
	rm -rf $(VENV) dist web/static web/dashboard/node_modules .mypy_cache .ruff_cache .pytest_cache
