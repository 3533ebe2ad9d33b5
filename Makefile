# The only task runner: `make help` lists what it does.
PYTHON ?= python3
BIN := .venv/bin
# Tests of single parts, and the laws of the mathematics: what `check` runs beside each other.
UNITS := $(wildcard tests/*.py) $(addprefix tests/,ground gate registry rollout faces shell commands simulation security \
  extension tools examples conformance)
LAWS := $(addprefix tests/,stats property reference)

N ?= 1000000

.PHONY: help setup ready demo check units laws test histories lint types render clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## Prepare all that the others need; a second run has nothing to do.
	@$(PYTHON) tools/setup.py

ready: # What all but the tests of actions and workflows need.
	@$(PYTHON) tools/setup.py demo

demo: ready ## Take a real model from training to production and back.
	@$(BIN)/python examples/digits/demo.py

check: ready ## Lint, types, unit and property tests: what to run while working.
	@$(MAKE) --no-print-directory -j2 laws units lint types

units: ready
	@$(BIN)/python -m pytest -q -m "not slow" $(UNITS)

laws: ready
	@$(BIN)/python -m pytest -q -m "not slow" $(LAWS)

test: setup lint types ## Lint, types and all tests; skips are listed last.
	@PATH="$(CURDIR)/.tools/bin:$$PATH" $(BIN)/python -m pytest -q

histories: ready ## Explore N (a million) simulated histories of rollouts, on all cores.
	@PYTHONPATH=python $(BIN)/python -m tests.simulation.explore $(N)

lint: ready ## Check style, formatting, and that rendered files are fresh.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python tools/render_schema.py --check
	@$(BIN)/python tools/render_actions.py --check
	@$(BIN)/python tools/render_docs.py --check

types: ready ## Check types, strictly.
	@$(BIN)/mypy

render: ready ## Render schema, action.yml files, tables and quoted pages from the code.
	@$(BIN)/python tools/render_schema.py
	@$(BIN)/python tools/render_actions.py
	@$(BIN)/python tools/render_docs.py

clean: ## Remove what the others made.
	rm -rf .venv .tools .zoo .setup.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis ml-cicd-reports examples/digits/run
	find . -name __pycache__ -prune -exec rm -rf {} +
