# One environment, ./.venv, built with plain venv and pip. Words go to stderr, so that
# `make demo ARGS="--once --json"` leaves nothing but JSON on stdout.
.SILENT:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := check
.PHONY: check demo test lint format verify docs bench clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TORCH  := .venv-torch
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Tests wait for servers and browsers much of their time; a module keeps its fixtures in one process.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadscope

check: format lint test

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "groundtrace needs Python 3.11 or newer; this is %d.%d. Set PYTHON=…" % sys.version_info[:2])' >&2
	$(PYTHON) -m venv $(VENV) >&2

$(VENV)/.demo: $(BIN)/python pyproject.toml
	echo "Installing groundtrace and its demo into $(VENV) (about a minute, once)…" >&2
	$(PIP) -e '.[demo]' >&2
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	echo "Installing groundtrace and its tests into $(VENV) (about a minute, once)…" >&2
	$(PIP) -e '.[dev]' >&2
	touch $(VENV)/.demo $@

# What needs torch is tested in an environment of its own, of 1.5 GB.
$(TORCH)/.complete: pyproject.toml
	$(PYTHON) -m venv $(TORCH) >&2
	echo "Installing torch and the tests that need it into $(TORCH) (some minutes, once)…" >&2
	$(TORCH)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 >&2
	$(TORCH)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[torch-tests]' >&2
	touch $@

# The main job: index real documents, ask, trace, score, compare two encoders.
demo: $(VENV)/.demo
	$(BIN)/groundtrace demo $(ARGS)

test: $(VENV)/.dev
	$(PYTEST) $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What takes too long for every change: kills under load, fuzzing, full-size simulations, figures.
verify: $(VENV)/.dev $(TORCH)/.complete
	$(BIN)/python -m pytest -m verify -s -n 0 $(ARGS)
	$(TORCH)/bin/python -m pytest -m verify tests/integrations/torch
	$(MAKE) bench

bench: $(VENV)/.dev
	for program in benchmarks/*.py; do echo "== $$program" >&2; $(BIN)/python $$program || exit 1; done

# docs/reference.md is made from the code; a test fails when it is out of date.
docs: $(VENV)/.dev
	$(BIN)/python docs/make_reference.py

clean:
	rm -rf $(VENV) $(TORCH) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
