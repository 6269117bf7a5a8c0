# `make run` and `make test` are all the set-up there is.

PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)/.dagster

.PHONY: run ui test lint bench bench-peers clean

run: .venv/run
	$(BIN)/stedi run

ui: .venv/run
	$(BIN)/dagster dev -w workspace.yaml

test: .venv/test
	$(BIN)/pytest

lint: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/test
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.bench_landing

bench-peers: .venv/test
	$(BIN)/python -m benchmarks.bench_peers

clean:
	rm -rf .venv .bench lakehouse build *.egg-info
	git clean -fdXq .dagster

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=…")'
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/test: .venv/run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
