# Everything runs in .venv, made on first use from pyproject.toml under constraints.txt and redone when either changes.
PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
EXTRAS := video,viz,nwb,recordings,distributed,gpu,bench,dev

.DELETE_ON_ERROR:
.PHONY: help env demo test test-all agreement lint bench clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

env: $(STAMP) ## Make .venv with everything in it

# torch comes first and by itself: a build for the CPU that is at hand then serves whatever asks for torch later.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "convis_xr needs Python 3.11 or newer, found " + sys.version.split()[0] + "; set PYTHON=/path/to/newer/python3")'
	@echo "setting up $(VENV) (minutes on a fresh machine)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation --editable '.[$(EXTRAS)]'
	@touch $@

demo: $(STAMP) ## Film through the retina into demo_output/
	$(BIN)/convis-xr demo

test: $(STAMP) ## All tests but the slow ones, and the examples in the docstrings
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow" -p no:benchmark

test-all: $(STAMP) ## All tests, with many more random examples
	$(BIN)/python -m pytest -n $(JOBS) -p no:benchmark --hypothesis-profile=thorough

agreement: $(STAMP) ## The table of docs/agreement.md, measured anew
	$(BIN)/python -m pytest -q -p no:benchmark -p no:xdist --agreement docs/agreement.md tests

lint: $(STAMP) ## Style, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## Speeds beside the peers', into docs/speed.md; the tests of the kernels run first
	$(BIN)/python benchmarks/table.py --json docs/speed.json --markdown docs/speed.md

clean: ## Remove everything that was made here
	rm -rf $(VENV) build dist demo_output docs/_build .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find convis_xr tests -name __pycache__ -type d -prune -exec rm -rf {} +
