# `make run` and `make test` are all the set-up there is.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
PYTEST := $(BIN)/pytest --numprocesses auto --dist loadgroup --durations 25 $(COVERAGE)
export DAGSTER_HOME := $(CURDIR)/.dagster

.PHONY: run ui test test-spark test-buckets test-browser test-slow test-all java go chromium postgres systemd faketime lint docs screenshots spark-jars wheel image bench bench-peers bench-year clean

run: .venv/run
	$(BIN)/stedi run

ui: .venv/run
	$(BIN)/dagster dev -w workspace.yaml

# DuckDB on local disk, and all that computes nothing: Python alone.
test: .venv/test
	$(PYTEST)

# The Spark engine: conformance, a cluster, Spark Connect, and Spark in a bucket.
test-spark: java go .venv/test-spark
	$(PYTEST) -m spark

# S3: versitygw and moto.
test-buckets: go .venv/test-buckets
	$(PYTEST) -m bucket

# Dagster's pages, the report and the notebook, in a real browser.
test-browser: java chromium .venv/test-browser
	$(PYTEST) -m browser

# Crash walks, daemons, what is deployed, the hooks; then the property tests again, with ten times as many examples.
test-slow: java go chromium postgres systemd .venv/test-spark .venv/test-browser .venv/lint
	$(PYTEST) -m slow
	$(PYTEST) -m 'hypothesis and not (slow or spark or bucket)' --hypothesis-profile many

# All of the above, and the lines and branches that they reach.
test-all: java go chromium postgres systemd .venv/test-spark .venv/test-browser .venv/lint
	$(BIN)/coverage erase
	$(MAKE) test test-spark test-buckets test-browser test-slow COVERAGE='--cov --cov-append --cov-report='
	$(BIN)/coverage report

# Programs that are not Python's.
java:
	@command -v java >/dev/null || { echo 'The tests of Spark and of the notebook need Java 17: install openjdk-17-jre-headless.' >&2; exit 1; }
go:
	@command -v go >/dev/null || { echo 'The tests of buckets need Go, which builds their S3 server: install golang-go.' >&2; exit 1; }
chromium:
	@command -v chromium >/dev/null || { echo 'The tests of the browser need chromium: install chromium.' >&2; exit 1; }
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { echo 'The tests of what is deployed need PostgreSQL: install postgresql.' >&2; exit 1; }
systemd:
	@command -v systemd-analyze >/dev/null || { echo 'The tests of the units need systemd-analyze: install systemd.' >&2; exit 1; }
faketime:
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || { echo 'The benchmark of a year needs libfaketime: install faketime.' >&2; exit 1; }

lint: .venv/lint
	$(BIN)/pre-commit run --all-files

# What a release publishes, and a try of the wheel in a virtual environment away from here.
wheel: .venv/release
	rm -rf dist
	$(BIN)/pyproject-build --quiet
	$(BIN)/check-wheel-contents dist
	$(BIN)/python -m stedi_assets_tests.support.wheel dist/*.whl

# What the Dockerfile of deploy/ does, without Docker.
image: .venv/test-spark
	$(BIN)/python -m stedi_assets_tests.support.image

# The documentation as a site, in build/docs/site. A link to a file that is no page leads to the sources.
SOURCES ?= file://$(CURDIR)
LINKS := sed -e 's|](docs/|](|g' -e 's|="docs/|="|g' -e 's|](\.\.*/|]($(SOURCES)/|g'
docs: .venv/docs
	rm -rf build/docs
	mkdir -p build/docs
	cp -r zensical.toml docs build/docs
	$(LINKS) README.md > build/docs/docs/index.md
	for page in docs/*.md; do $(LINKS) $$page > build/docs/$$page; done
	$(BIN)/zensical build --strict --config-file build/docs/zensical.toml

# The pictures of the documentation, taken in Debian's chromium.
screenshots: .venv/test-browser
	$(BIN)/python -m stedi_assets_tests.support.screenshots docs/images

# The jars by which Spark reaches S3, for a machine without a network: STEDI_SPARK_JARS=spark-jars.
spark-jars: .venv/spark
	$(BIN)/python -m stedi_assets.engines.spark.jars spark-jars

bench: .venv/test-spark .venv/test-buckets
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.bench_landing
	$(BIN)/python -m benchmarks.bench_locations
	$(BIN)/python -m benchmarks.bench_engines
	$(BIN)/python -m benchmarks.bench_change
	$(BIN)/python -m benchmarks.bench_change --scale 10 --engine spark
	$(BIN)/python -m benchmarks.bench_change --scale 10 --location bucket
	$(BIN)/python -m benchmarks.bench_cluster
	$(BIN)/python -m benchmarks.bench_memory

bench-peers: .venv/test-spark
	$(BIN)/python -m benchmarks.bench_peers

# A year of deliveries, and 2,000 runs of a tiny file: more than an hour.
bench-year: faketime .venv/test
	$(BIN)/python -m benchmarks.bench_year

clean:
	rm -rf .venv .bench lakehouse build dist *.egg-info
	git clean -fdXq .dagster

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=…")'
	$(PYTHON) -m venv .venv

# With pip's own progress: it is the first thing that a newcomer waits for.
.venv/run: .venv/bin/pip pyproject.toml constraints.txt
	$(subst --quiet,,$(PIP)) .
	touch $@

.venv/docs: .venv/run
	$(PIP) '.[docs]'
	touch $@

.venv/spark: .venv/run
	$(PIP) '.[spark]'
	touch $@

.venv/test: .venv/run
	$(PIP) '.[dg,docs,report,test]'
	touch $@

.venv/test-buckets: .venv/test .venv/versitygw
	$(PIP) '.[dg,docs,report,s3,test,test-buckets]'
	touch $@

.venv/test-spark: .venv/test-buckets
	$(PIP) '.[dg,docs,postgres,report,s3,spark,spark-connect,test,test-buckets]'
	touch $@

.venv/test-browser: .venv/test
	$(PIP) '.[dg,docs,notebook,report,test,test-browser]'
	touch $@

# The type checker reads every test.
.venv/lint: .venv/test
	$(PIP) '.[dg,docs,lint,notebook,postgres,report,s3,spark,spark-connect,test,test-browser,test-buckets]'
	touch $@

.venv/release: .venv/run
	$(PIP) '.[release]'
	touch $@

# An S3 server for the tests.
.venv/versitygw: .venv/bin/pip
	GOBIN=$(CURDIR)/$(BIN) go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	touch $@
