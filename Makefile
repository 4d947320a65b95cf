# `make` lists the targets. Each works from a fresh clone.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SOURCES = pyproject.toml $(wildcard audithooks/*.pyx audithooks/*.pxd audithooks/*.h)

.DEFAULT_GOAL := help
.PHONY: help demo test lint types format perf gate native soak sanitize clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile | expand -t 15

demo: $(VENV)/built  ## trace a real program: python -m venv makes an environment
	$(BIN)/python -m audithooks --version
	$(BIN)/python -m audithooks --summary-only -m venv --clear $(VENV)/demo

test: $(VENV)/built  ## run the tests on both implementations; ARGS go to pytest
	$(BIN)/python -m pytest $(ARGS)

perf: $(VENV)/floor $(VENV)/peers  ## measure every case, write the report; ARGS=--full takes longer
	$(BIN)/python perf/suite.py $(ARGS)

gate: $(VENV)/floor  ## compare with the budget, the base revision and the claims
	$(BIN)/python perf/gate.py $(ARGS)

native: $(VENV)/built  ## compare the C API with that of CPython
	$(BIN)/python perf/native.py $(ARGS)

soak: $(VENV)/soak  ## test for long: CPython's tests, threads, leaks, fuzzing; half an hour
	$(BIN)/python tests/soak/soak.py $(ARGS)

sanitize: $(VENV)/built  ## test with the address and undefined behavior sanitizers
	$(BIN)/python tests/soak/sanitize.py $(ARGS)

lint: export PATH := $(CURDIR)/$(BIN):$(PATH)  # cython-lint calls pycodestyle
lint: $(VENV)/tools  ## check the style
	ruff check
	ruff format --check
	cython-lint audithooks perf tests

types: $(VENV)/tools  ## check the types
	$(BIN)/mypy

format: $(VENV)/tools  ## put the style right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove what the other targets made
	rm -rf $(VENV) build *.egg-info audithooks/*.c audithooks/*.so perf/*.c perf/*.so

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --upgrade pip && touch $@

$(VENV)/built: $(VENV)/python $(SOURCES)
	$(BIN)/pip install -qq --group test --editable . && touch $@

$(VENV)/soak: $(VENV)/built  # without a wheel of the fuzzer, choices are random
	$(BIN)/pip install -qq --group soak || true
	touch $@

$(VENV)/tools: $(VENV)/python pyproject.toml
	$(BIN)/pip install -qq --group lint && touch $@

$(VENV)/floor: $(VENV)/built perf/floor.pyx
	$(BIN)/pip install -qq --group perf
	$(BIN)/cythonize -iq perf/floor.pyx && rm -rf perf/build && touch $@

$(VENV)/peers: $(VENV)/python pyproject.toml  # one that cannot be had is missing in the report
	sed -n 's/^peers = \[\(.*\)\]/\1/p' pyproject.toml | tr -d ',' \
		| xargs -n1 $(BIN)/pip install -qq || true
	touch $@
