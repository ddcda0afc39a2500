# All commands use the virtual environment .venv of this folder. They need only Python 3.11 or newer, with venv and pip.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# The processes of a fit keep all cores busy; more threads in each process would make them slower.
export OMP_NUM_THREADS ?= 1
# The tests start many processes, each of which would compile the packages again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo docs docs-check test test-slow lint format clean

help:
	@echo "make demo       install, then fit for one minute on a real table, and show what to do next"
	@echo "make test       install, then run the tests"
	@echo "make test-slow  install, then run the slow tests"
	@echo "make lint       install, then check style and types"
	@echo "make format     install, then format the code"
	@echo "make docs       install, then build the documentation in build/site"
	@echo "make docs-check install, then build it in build/docs-check; the tutorials run with small fits"
	@echo "make clean      remove the virtual environment and the caches"

demo: $(VENV)/installed
	$(BIN)/python -u examples/demo.py

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow and not alone"
	$(BIN)/python -m pytest -m "alone and not slow" $$(grep -rl --include='*.py' 'mark[.]alone' tests)

test-slow: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The tutorials run as they are. With SPHINXOPTS="-D plot_gallery=0", they are shown without their output.
docs: $(VENV)/installed-dev
	$(BIN)/python -m sphinx -W --keep-going -b html $(SPHINXOPTS) docs build/site

# The numbers in the tutorials of this site mean nothing; the check is that all pages and all code are right.
docs-check: $(VENV)/installed-dev
	$(BIN)/python -m sphinx -W --keep-going -q -D quick_tutorials=1 -b html $(SPHINXOPTS) docs build/docs-check

clean:
	rm -rf $(VENV) build demo docs/generated *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); this takes some minutes, because it downloads large libraries."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]'
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); this takes some minutes, because it downloads large libraries."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/installed
