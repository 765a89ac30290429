# Everything that is run in this repository. `make demo` first; every target makes .venv itself, once.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.made-from-lock
ROOMS := contracts agents saga dlq
TYPED := $(foreach room,$(ROOMS),$(if $(wildcard $(room)/*.py),$(room)))
SOURCES := src tests bench $(wildcard $(ROOMS))
PYTEST ?=
TESTS ?= tests
SIDE_BY_SIDE ?= 4

.PHONY: help demo test check format bench scale soak chaos lock clean

help: ## Show these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)$$/make \1\t\2/' | column -t -s $$'\t'

demo: $(READY) ## Run the invoice workflow end to end with faults on purpose (HOLD=1 keeps it running)
	@$(BIN)/misstep demo $(if $(HOLD),--hold)

test: $(READY) ## Run the tests on real Kafka and real Postgres (TESTS=tests/cli chooses)
	@$(BIN)/python -m pytest $(TESTS) --ignore=tests/soak -n $(SIDE_BY_SIDE) --dist loadfile --no-loadscope-reorder $(PYTEST)

check: $(READY) ## Lint, types, imports, dependencies, the failure matrix and the contracts
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy --strict src
	MYPYPATH=.types $(BIN)/mypy --strict --namespace-packages --explicit-package-bases $(addprefix -p rooms.,$(TYPED))
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry src
	$(BIN)/misstep matrix check
	$(BIN)/misstep matrix cover
	$(BIN)/misstep contracts check

format: $(READY) ## Format and mend what ruff can mend
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(READY) ## Race a hop and a saga against what people use today, then read receipts (QUICK=1: minutes)
	@$(BIN)/python bench/race.py $(if $(QUICK),--quick)
	@for one in bench/receipts*.py; do echo "== $$one"; $(BIN)/python "$$one"; done

scale: $(READY) ## Measure how it scales and simulate what one machine cannot be (20 minutes; writes docs/scaling.md)
	@missed=0; for one in costs.py "costs.py --no-carry" workers.py \
		"workers.py --no-carry --workers 1,2 --partitions 2,8,32" sink.py storage.py cases.py memory.py audit.py; \
		do echo "== bench/scale/$$one"; $(BIN)/python bench/scale/$$one || missed=1; done; \
		$(BIN)/python bench/scale/simulate.py --write docs/scaling.md && exit $$missed

soak: $(READY) ## Run the long tests: hours of faults (SOAK_MINUTES, see tests/soak)
	@$(BIN)/python -m pytest tests/soak --timeout=0 $(PYTEST)

chaos: $(READY) ## Break everything on a cluster of three, and see what holds (SEED=7 MINUTES=4 FAULTS=a,b)
	@$(BIN)/python -m tests.chaos.run $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(FAULTS),--faults $(FAULTS)) $(CHAOS)

lock: $(READY) ## Write requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/python -m uv pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

clean: ## Stop the servers; remove .venv, .misstep and caches
	@if [ -x $(BIN)/misstep ]; then $(BIN)/misstep down; fi
	rm -rf .venv .types .misstep bench/.peers .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# Redone when the lock or the project file changes; an interrupted installation begins again.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Error: there is no $(PYTHON); install Python 3.11, 3.12 or 3.13." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Error: $$($(PYTHON) --version) is not 3.11, 3.12 or 3.13; name one that is: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Installing into .venv (once; again when requirements.lock changes) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@mkdir -p .types && ln -sfn .. .types/rooms
	@touch $@
