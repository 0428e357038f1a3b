# `make demo` and `make test` need Python 3.11 or newer and make, nothing else. Everything they install goes into .venv.
# EXTRA=gpu takes the CUDA build of FAISS instead of the CPU one.

EXTRA ?= cpu
VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(EXTRA)
OTHER := $(filter-out $(STAMP),$(VENV)/.installed-cpu $(VENV)/.installed-gpu)
# Two processes, each with a broker of its own; the tests of a file share fixtures and stay together. JOBS=0 for one, as with --pdb.
# Files in their order: by the number of tests, as xdist has it, the few long ones would come last.
JOBS ?= 2
TOGETHER := -n $(JOBS) --dist loadfile --no-loadscope-reorder
PIP_ARGS := -c constraints.txt -e '.[$(EXTRA),dev]'

.PHONY: help demo test test-fast check format venv clean
.DEFAULT_GOAL := help

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(STAMP)  ## The sample shop, end to end, in the terminal (ARGS="--max 500" to pass options)
	@$(BIN)/rillstream demo $(ARGS)

test: $(STAMP)  ## Every test; those that need Kafka start their own broker (ARGS="-k row" to choose)
	@$(BIN)/python -m pytest -m "not benchmark" $(TOGETHER) $(ARGS)

test-fast: $(STAMP)  ## The tests that need no broker and no patience
	@$(BIN)/python -m pytest -m "not benchmark and not kafka and not slow" $(TOGETHER) $(ARGS)

check: $(STAMP)  ## Lint and types
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(STAMP)  ## Format and sort imports
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

venv: $(STAMP)  ## Only make the virtual environment

$(STAMP): constraints.txt pyproject.toml
	@if [ -e "$(OTHER)" ]; then \
		echo "$(VENV) holds the other build of FAISS. Run 'make clean' first, or choose another VENV=..." >&2; exit 1; fi
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer found. Install one, or say where it is: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV) (the first time this takes minutes: PyTorch is large)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv 2>/dev/null \
		&& VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet $(PIP_ARGS) \
		|| $(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS)
	@touch $@

clean:  ## Remove the virtual environment and all caches in this folder
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
