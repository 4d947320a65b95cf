# `make` lists the targets. Each works in a fresh clone.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Releases without a wheel for a Python need a Rust compiler there; pip takes older ones.
export PIP_ONLY_BINARY ?= hypothesis,rpds-py
SOURCES = pyproject.toml build_ext.py $(wildcard $(addprefix audithooks/,*.h *.pxd _core/*.h */*.p[xy]* _start/*.[ch]))

.DEFAULT_GOAL := help
.PHONY: help demo test docs lint types format matrix dist share soak mutate sanitize gate perf \
	perf-import perf-rules perf-sinks perf-start perf-tracer perf-pypy release clean FORCE

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile | expand -t 18

demo: $(VENV)/built  ## trace a real program: pip installs a package from a local index
	$(BIN)/python docs/demo.py

# Without caches of bytecode, each process of a test compiles what it imports.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/built  ## run the tests on both implementations; ARGS go to pytest
	$(BIN)/python -m pytest -n auto $(ARGS)

# docs/words.txt has what the dictionary lacks.
SPHINX = $(BIN)/sphinx-build -q -n -W --keep-going -d build/doctrees docs
docs: $(VENV)/docs  ## build the site in build/docs, check spelling; ARGS=--links asks other sites
	$(SPHINX) -E build/docs
	$(SPHINX) -b spelling build/spelling
	@echo "The site: build/docs/index.html"
	$(if $(findstring --links,$(ARGS)),$(SPHINX) -b linkcheck build/links)

perf: $(VENV)/floor $(VENV)/peers  ## measure every case, write the report; ARGS=--full takes longer
	$(BIN)/python perf/report.py $(ARGS)

gate: $(VENV)/floor  ## compare the speed with the budget, the base revision and the claims
	$(BIN)/python perf/gate.py $(ARGS)

perf-pypy: $(VENV)/built  ## measure an event, on PyPy; PYTHON=pypy3 VENV=.venv-pypy
	$(BIN)/python perf/pypy.py

perf-import: $(VENV)/floor  ## measure the import of audithooks, with its target
	$(BIN)/python perf/claims.py import $(ARGS)

perf-rules: $(VENV)/floor  ## measure what rules cost, beside the operations themselves
	$(BIN)/python perf/claims.py rules $(ARGS)

perf-sinks: $(VENV)/floor  ## measure a line of JSON Lines, beside the write in it
	$(BIN)/python perf/claims.py sinks $(ARGS)

perf-start: $(VENV)/floor  ## measure what a hook from before the interpreter adds to its start
	$(BIN)/python perf/claims.py start $(ARGS)

perf-tracer: $(VENV)/floor  ## measure events the tracer writes in a second, and its cost for others
	$(BIN)/python perf/claims.py tracer $(ARGS)

matrix:  ## run the tests on every installed Python, and on some that it installs
	$(PYTHON) tests/matrix/run.py $(ARGS)

dist: $(VENV)/dist  ## build sdist and wheels, check them, and test what they install
	$(BIN)/python tests/dist.py $(ARGS)

soak: $(VENV)/soak  ## run long tests: CPython's, threads, leaks, fuzzing; half an hour
	$(BIN)/python tests/soak/soak.py $(ARGS)

mutate: $(VENV)/mutate  ## plant faults, one by one: do the tests notice?
	$(BIN)/python tests/mutate/run.py $(ARGS)

sanitize: $(VENV)/built  ## run the tests with AddressSanitizer, UBSan and memcheck
	$(BIN)/python tests/soak/sanitize.py $(ARGS)

share: $(VENV)/writers  ## write the man page, the completions and a table of docs/ from the code
	COLUMNS=80 $(BIN)/python share/make.py
	$(BIN)/python docs/terminal.py docs/terminal.svg

release: $(VENV)/writers  ## check, commit and tag VERSION=1.2.3; ARGS=--push pushes it, too
	COLUMNS=80 $(BIN)/python share/release.py $(VERSION) $(ARGS)

lint: export PATH := $(CURDIR)/$(BIN):$(PATH)  # cython-lint calls pycodestyle
lint: $(VENV)/tools  ## check the style, the direction of imports, and the workflows
	ruff check
	ruff format --check
	cython-lint audithooks perf tests
	lint-imports --no-logo
	zizmor --offline --no-progress --quiet .github
	check-jsonschema -q --builtin-schema github-workflows .github/workflows/*.yml
	check-jsonschema -q --builtin-schema github-issue-config .github/ISSUE_TEMPLATE/config.yml
	check-jsonschema -q --builtin-schema github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml

types: $(VENV)/tools  ## check the types, and what editors see of them
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/user.py
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python tests/typing/complete.py

format: $(VENV)/tools  ## fix the style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove what the other targets created
	rm -rf $(VENV) build dist *.egg-info perf/*.c perf/*.so
	rm -f $(addprefix audithooks/,*/*_c.c */*.so _core/not_compiled.txt)

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --upgrade pip setuptools && touch $@

# The compiler and headers, or what is missing: the file changes only with them.
$(VENV)/compiler: $(VENV)/python FORCE
	@$(BIN)/python build_ext.py > $@.now && cmp -s $@.now $@ || cp $@.now $@

$(VENV)/built: $(VENV)/compiler $(SOURCES)
	$(BIN)/pip install -qq --group test --editable . && touch $@

$(VENV)/dist: $(VENV)/python pyproject.toml
	$(BIN)/pip install -qq --group dist && touch $@

$(VENV)/writers: $(VENV)/built pyproject.toml
	$(BIN)/pip install -qq --group share && touch $@

$(VENV)/docs: $(VENV)/built pyproject.toml
	$(BIN)/pip install -qq --group docs
	@$(BIN)/python -c 'import enchant; enchant.Dict("en_US")' \
		|| { echo "for the spelling: apt-get install libenchant-2-2 hunspell-en-us"; exit 1; }
	touch $@

$(VENV)/soak: $(VENV)/built  # without a wheel of the fuzzer, its input is random
	@command -v strace || echo "without strace, a part is left out: apt-get install strace"
	$(BIN)/pip install -qq --upgrade --group programs
	$(BIN)/pip install -qq --group systems
	$(BIN)/pip install -qq --group soak || true
	touch $@

$(VENV)/mutate: $(VENV)/built
	$(BIN)/pip install -qq --group mutate && touch $@

$(VENV)/tools: $(VENV)/python pyproject.toml
	$(BIN)/pip install -qq --group lint && touch $@

$(VENV)/floor: $(VENV)/built perf/floor.pyx perf/native.pyx perf/small/extension.pyx
	$(BIN)/pip install -qq --group perf
	$(BIN)/cythonize -fiq perf/floor.pyx perf/native.pyx perf/small/extension.pyx && rm -rf perf/build && touch $@

$(VENV)/peers: $(VENV)/python pyproject.toml  # the report leaves out what cannot be installed
	$(BIN)/pip install -qq --group report
	sed -n 's/^peers = \[\(.*\)\]/\1/p' pyproject.toml | tr -d ',' \
		| xargs -n1 $(BIN)/pip install -qq || true
	touch $@
