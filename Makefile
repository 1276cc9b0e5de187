# Every command a developer needs; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup models demo up test check fix bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
SYNCED := $(VENV)/.synced
ARGS ?=
ONLY ?=

help: ## list the commands
	@echo "Noisegate: hold every upload, understand it, judge it, say why."
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 14

setup: $(SYNCED) models ## install the locked dependencies into .venv and fetch the model weights

demo: setup ## start the platform, submit the example uploads, show what was decided (ARGS=--once exits afterwards)
	@echo "==> demo: the platform starts, takes the uploads in examples/uploads and decides about them"
	@$(BIN)/noisegate demo $(ARGS)

up: setup ## start the platform and keep it running (database, API, worker)
	@echo "==> up: starting the database, the API and the worker"
	@$(BIN)/noisegate up $(ARGS)

test: setup ## run the tests
	@echo "==> test: behaviour, contracts, journeys and documentation, on a real database and real small media"
	@$(BIN)/pytest $(ARGS)

check: $(SYNCED) ## check format, lint, types and import floors
	@echo "==> check: format, lint, types, import floors, starter policy packs"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(UV) lock --check --quiet
	@for pack in packs/*/; do $(BIN)/noisegate policy check $$pack; done

fix: $(SYNCED) ## format the code, mend what the linter can mend, write the tables of the docs
	@echo "==> fix: formatting, mending lint, writing the tables of the docs"
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python docs/generate.py

bench: setup ## run the benchmarks (ONLY=name runs one), JSON lines on stdout
	@echo "==> bench: ratios in one run; JSON lines on stdout" >&2
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

models: $(SYNCED)
	@echo "==> models: fetching weights that are not here yet" >&2
	@$(BIN)/noisegate models pull

clean: ## remove .venv and caches (keeps data and weights)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(UV):
	@echo "==> creating $(VENV) and installing uv into it" >&2
	@$(PYTHON) -m venv $(VENV) || { echo "error: '$(PYTHON) -m venv' failed; Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv), or type: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

$(SYNCED): $(UV) pyproject.toml uv.lock
	@echo "==> installing the locked dependencies into $(VENV)" >&2
	@$(UV) sync --locked --all-extras --inexact --quiet
	@touch $@
