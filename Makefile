# The tasks of the registry. "make" alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run install test check format lint types contracts bench soak clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Install and serve on 127.0.0.1:8082
	@exec $(BIN)/python app.py serve

install: $(VENV)/.installed ## Make the virtual environment

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; install it, or name it: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is missing; install it: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg | $(VENV)/bin/python
	@echo "Installing the registry's packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(call packages,install_requires)
	@touch $@

$(VENV)/.installed-dev: setup.cfg $(VENV)/.installed
	@echo "Installing the development packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(call packages,dev)
	@touch $@

# The packages of one list in setup.cfg, so that they are named once.
packages = $(shell $(PYTHON) -c "import configparser as c; p = c.ConfigParser(); p.read('setup.cfg'); \
  print(*(repr(line.replace(' ', '')) for section in ('options', 'options.extras_require') \
  for line in p.get(section, '$(1)', fallback='').split('\n') if line))")

test: $(VENV)/.installed-dev ## Run the tests; tools that are missing are named and skipped
	@$(BIN)/python -m tests.together

check: format-check lint types contracts test ## Everything that must be green: what CI runs

.PHONY: format-check
format-check: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: $(VENV)/.installed-dev ## Lint
	@$(BIN)/ruff check .

types: $(VENV)/.installed-dev ## Check types
	@$(BIN)/mypy

contracts: $(VENV)/.installed-dev ## Check which room imports which
	@$(BIN)/lint-imports

bench: $(VENV)/.installed-dev ## Measure against another registry and the machine
	@$(BIN)/python -m benchmarks.run

soak: $(VENV)/.installed-dev ## The long form of the fault tests: hours
	@REGISTRY_SOAK=1 $(BIN)/python -m pytest tests/faults

clean: ## Remove what was built; the storage folder stays
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
