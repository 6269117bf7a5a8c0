# `make run` and `make test` are all the set-up there is.

PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)/.dagster

.PHONY: run ui test lint screenshots spark-jars bench bench-peers clean

run: .venv/run
	$(BIN)/stedi run

ui: .venv/run
	$(BIN)/dagster dev -w workspace.yaml

test: .venv/test
	$(BIN)/pytest --numprocesses auto --dist loadgroup

lint: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The pictures of the README, taken in Debian's chromium.
screenshots: .venv/test
	$(BIN)/python -m stedi_assets_tests.screenshots docs/images

# The jars by which Spark reaches S3, for a machine without a network: STEDI_SPARK_JARS=spark-jars.
spark-jars: .venv/spark
	$(BIN)/python -m stedi_assets.engines.spark.jars spark-jars

bench: .venv/test
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.bench_landing
	$(BIN)/python -m benchmarks.bench_locations
	$(BIN)/python -m benchmarks.bench_engines

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

.venv/spark: .venv/run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[spark]'
	touch $@

.venv/test: .venv/run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,report,s3,spark,spark-connect]'
	# An S3 server for the tests; those that need it say so where there is no Go.
	! command -v go >/dev/null || GOBIN=$(CURDIR)/$(BIN) go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	touch $@
