# The only task runner: `make help` lists what it does.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test lint types actions clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## Prepare all that the others need; a second run has nothing to do.
	@$(PYTHON) tools/setup.py

demo: setup ## Take a real model from training to production and back.
	@$(BIN)/python examples/digits/demo.py

test: setup lint types ## Lint, types and all tests; skips are listed last.
	@PATH="$(CURDIR)/.tools/bin:$$PATH" $(BIN)/python -m pytest -q

lint: setup ## Check style, formatting, and that rendered files are fresh.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python tools/render_actions.py --check

types: setup ## Check types, strictly.
	@$(BIN)/mypy

actions: setup ## Render the action.yml files and their tables from the commands.
	@$(BIN)/python tools/render_actions.py

clean: ## Remove what the others made.
	rm -rf .venv .tools .setup.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .ml-cicd examples/digits/run
	find . -name __pycache__ -prune -exec rm -rf {} +
