SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PYTHON ?= python3
BASELINE := proto/baseline/v1.binpb

# Sets up, starts the whole stack, seeds it, plays every scenario, and leaves it running.
.PHONY: demo
demo: run-environment
	@atlas up --no-card
	@atlas seed
	@atlas demo

# What the stack needs, from the hashed lock; does nothing when it is there.
.PHONY: run-environment
run-environment:
	@$(PYTHON) -m tools.setup run

# That, and what tests and tools need.
.PHONY: setup
setup:
	@$(PYTHON) -m tools.setup full

.PHONY: up
up: run-environment
	@atlas up

.PHONY: down
down: run-environment
	@atlas down

# Style, types, import contracts, contracts, and whether everything generated is up to date; types beside the rest.
.PHONY: lint types style
lint: setup
	@$(MAKE) --no-print-directory --jobs 2 types style

types:
	mypy .

style:
	ruff check .
	ruff format --check .
	lint-imports
	buf format -d --exit-code proto
	buf lint
	if [ -f $(BASELINE) ]; then buf breaking proto --against $(BASELINE) && python -m tools.contract_diff $(BASELINE); fi
	python -m tools.generate --check

# Every test but the long versions; needs nothing running.
.PHONY: test
test: lint
	@pytest -n auto --maxprocesses 4 -m "not full"

# The long versions; with Apache Kafka and Keycloak where Maven can fetch them.
.PHONY: test-full
test-full: setup
	@pytest -n logical --maxprocesses 4 -m full --ignore tests/faults

# Faults under load, on the embedded stack; ATLAS_FAULTS_ON=real for Apache Kafka and the system's PostgreSQL and Redis.
.PHONY: faults
faults: setup
	@pytest -m full -n 2 tests/faults

# Checks the contracts and writes everything that is generated from them. Once a baseline is frozen, breaks of it are refused.
.PHONY: proto
proto:
	buf format -w proto
	buf lint
	if [ -f $(BASELINE) ]; then buf breaking proto --against $(BASELINE) && python -m tools.contract_diff $(BASELINE); fi
	python -m tools.generate

# The benchmarks with their floors, on stacks of their own; some need Apache Kafka (atlas fetch-real). ARGS="--only P1" for one goal.
.PHONY: bench
bench: setup
	@python -m bench $(ARGS)
