# Every verb does its own set-up: a virtual environment in .venv with the pinned requirements. `make` lists the verbs.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?=
.DEFAULT_GOAL := help
.PHONY: help run test check static fix bench docs clean setup peers

help: ## list the verbs
	@echo "make VERB, where VERB is one of:"
	@grep -hE '^[a-z]+: .*## ' $(firstword $(MAKEFILE_LIST)) | grep -v '^setup' | sed -E 's/^([a-z]+):.*## (.*)$$/  \1\t\2/' | expand -t 10

run: .venv/.warm ## set everything up and start Skryba; CONFIG=path uses your own configuration
	$(BIN)/skryba run $(if $(CONFIG),--config $(CONFIG))

test: peers static .venv/.warm ## everything: the peers from Debian, formatting, types, floors, and all tests
	$(BIN)/pytest

check: static .venv/.warm ## fast: formatting, lint, types, floors, and the tests that need no peers
	$(BIN)/pytest -m 'not wire'

static: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests bench
	$(BIN)/lint-imports --no-logo

fix: .venv/.dev ## mend formatting and what the linter can mend by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev .venv/.warm ## cost per packet and per call beside the smallest C relay; ARGS="relay --calls 500" chooses
	$(BIN)/python -m bench $(if $(ARGS),$(ARGS),relay --calls 100 --seconds 10)

docs: .venv/.dev ## write docs/reference from the code
	$(BIN)/python -m skryba.config.reference docs/reference/configuration.md
	$(BIN)/python -m skryba.metrics.catalogue docs/reference/metrics.md

clean: ## remove .venv, caches and build results; var/ with your recordings stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage dist build site
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +

setup: .venv/.dev

peers:
	tests/install-peers.sh

.venv/.python:
	tests/setup-python.sh $(PYTHON) .venv
	@touch $@

.venv/.run: .venv/.python requirements/run.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/.warm: .venv/.run $(wildcard src/skryba/media/*.py)
	@echo "compiling the media engine, once"
	$(BIN)/python -c 'from skryba.media import loop; from skryba.recorder import demux, seal; loop.warm(); demux.warm(); seal.warm()'
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@
