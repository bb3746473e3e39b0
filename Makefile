SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

BASELINE := proto/baseline/v1.binpb

# Checks the contracts and writes everything that is generated from them. Once a baseline is frozen, breaks of it are refused.
.PHONY: proto
proto:
	buf format -w proto
	buf lint
	if [ -f $(BASELINE) ]; then buf breaking proto --against $(BASELINE) && python -m tools.contract_diff $(BASELINE); fi
	python -m tools.generate
