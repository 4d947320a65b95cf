# `make` lists the targets. Each works from a fresh clone.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
SOURCES = pyproject.toml $(wildcard audithooks/*.py[xd] audithooks/*.pxd)

.DEFAULT_GOAL := help
.PHONY: help demo test lint types format perf clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | column -t -s '|'

demo: $(VENV)/built  ## trace a real program: python -m venv makes an environment
	@$(BIN)/python -c 'from audithooks import *; print("audithooks runs as", IMPLEMENTATION, FALLBACK_REASON or "")'
	$(BIN)/python -m audithooks --summary-only -m venv --without-pip $(VENV)/demo

test: $(VENV)/built  ## run the test suite on both implementations
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/built  ## check style
	$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/cython-lint audithooks

types: $(VENV)/built  ## check types
	$(BIN)/mypy

format: $(VENV)/built  ## put style right
	$(BIN)/ruff check --fix && $(BIN)/ruff format

clean:  ## remove what was made
	rm -rf $(VENV) build dist *.egg-info audithooks/*.c audithooks/*.so

$(VENV)/built: $(SOURCES)
	$(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --group dev --editable .
	@touch $@
