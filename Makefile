# `make demo` sets up and runs the loop; `make test` sets up and passes the tests. The rest builds on them.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
LOCK := requirements.lock
BUILDS := requirements.builds
# torch exists in builds for CPU and CUDA; those for CUDA bring libraries of their own.
OPEN := torch
BROUGHT := triton|cuda-.*|nvidia-(cu|nccl|nvjitlink|nvshmem|nvtx).*
STAMP := .venv/.installed-from-lock

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench up down lock clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## build .venv from the lock

$(STAMP): $(LOCK) $(BUILDS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || \
	  { echo "expected Python 3.11 or 3.12, found $$($(PYTHON) --version); set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK)
	$(BIN)/pip install --quiet --disable-pip-version-check -r $(BUILDS)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q include/assay tasks operators
	@cat $(LOCK) $(BUILDS) > $@

demo: setup ## start every engine, take digits through the loop, ask the served model, prove it
	$(BIN)/python docs/tutorial/demo.py

test: setup ## run all tests, real engines included
	$(BIN)/python -m pytest

check: setup ## lint, types, import contracts, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

bench: setup ## run every benchmark against its peer
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

up: setup ## start the embedded stack
	$(BIN)/assay up --detach

down: ## stop the embedded stack
	$(BIN)/assay down

lock: setup ## refresh the lock from pyproject.toml
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check -e '.[dev]' uv==0.13.9
	.venv-lock/bin/pip freeze --exclude-editable > .venv-lock/all
	{ grep '^#' $(BUILDS); sed -nE 's/^(($(OPEN))==[^+]*).*/\1/p' .venv-lock/all; } > .venv-lock/builds
	grep -vE '^($(OPEN)|$(BROUGHT)|uv)==' .venv-lock/all > .venv-lock/versions
	.venv-lock/bin/uv pip compile --quiet --no-config --no-deps --universal --python-version 3.11 \
	  --format pylock.toml -o .venv-lock/pylock.toml .venv-lock/versions
	$(BIN)/python -m tasks.supply_chain.hash_lock .venv-lock/pylock.toml $(LOCK)
	mv .venv-lock/builds $(BUILDS)
	rm -rf .venv-lock

clean: ## remove caches (not the home folder .assay)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
