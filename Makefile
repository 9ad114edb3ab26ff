# make demo   train a tagger on simulated larvae, evaluate it and show what it predicts
# make test   run all checks of continuous integration; several may run at once
# make torture  end commands at random moments, fill disks, fuzz files ...; SECONDS=1800 SEED=0
# make docs   build the website in build/site; any warning or dead link is an error
# make bench  compare the speed with that of simple code in 20 minutes; writes the page
#             docs/performance.md
# Each target installs what it needs into .venv and .tools. This requires Python >= 3.11 and access
# to a package index.

SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
TEMPLATE := src/taggingbackends/backend/template/full
SITE ?= build/site
SECONDS ?= 1800
SEED ?= 0
INSTALL := $(BIN)/python -m pip install --progress-bar off
# the names of packages only, as pip collects them
NAMES := awk '/^Collecting/ { print "  " $$1, $$2; fflush() } \
/^Installing/ { print "  Installing them"; fflush() }'

.PHONY: demo test lint docs torture bench clean

demo: .venv/.demo
	$(BIN)/python -u examplebackend/demo.py

test: .venv/.dev .venv/.docs .tools/poetry/.ready .tools/julia/path .tools/chromium/path lint
	POETRY=$(CURDIR)/.tools/poetry/bin/poetry TAGGINGBACKENDS_JULIA=$$(cat .tools/julia/path) \
	TAGGINGBACKENDS_CHROMIUM=$$(cat .tools/chromium/path) $(BIN)/python test/run.py

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml \
	$(TEMPLATE)/dot-github/workflows/*.yml
	$(BIN)/hadolint $(TEMPLATE)/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/mypy src examplebackend/src examplebackend/demo.py benchmarks --exclude template/.*/src
	MYPYPATH=$(TEMPLATE)/src $(BIN)/mypy -p my_tagger

docs: .venv/.docs
	rm -rf $(SITE)
	$(BIN)/python -m sphinx -c docs --fail-on-warning --fresh-env --quiet -d $(SITE).doctrees . $(SITE)

torture: .venv/.dev .tools/julia/path
	cd test && TAGGINGBACKENDS_JULIA=$$(cat ../.tools/julia/path) ../$(BIN)/python -m torture \
	--seconds $(SECONDS) --seed $(SEED)

bench: .venv/.dev .tools/julia/path .tools/chromium/path
	TAGGINGBACKENDS_JULIA=$$(cat .tools/julia/path) \
	TAGGINGBACKENDS_CHROMIUM=$$(cat .tools/chromium/path) \
	$(BIN)/python -m benchmarks --write docs/performance.md

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"Python 3.11 or later is needed, found %d.%d: make PYTHON=python3.x" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/.demo: pyproject.toml examplebackend/pyproject.toml | .venv
	@echo "Installing TaggingBackends, examplebackend and what they need in .venv (half a minute)"
	@$(INSTALL) --editable . --editable examplebackend | $(NAMES)
	touch $@

.venv/.dev: .venv/.demo
	@echo "Installing what the tests need in .venv (a minute)"
	@$(INSTALL) --group dev | $(NAMES)
	touch $@

.venv/.docs: .venv/.demo
	@echo "Installing what the website needs in .venv"
	@$(INSTALL) --group docs | $(NAMES)
	touch $@

.tools/poetry/.ready:
	$(PYTHON) -m venv .tools/poetry
	.tools/poetry/bin/python -m pip install --quiet poetry poetry-plugin-pypi-mirror
	touch $@

.tools/julia/path: | .venv/.demo
	mkdir -p .tools/julia
	$(BIN)/python test/get_julia.py .tools/julia > $@.found
	mv $@.found $@

.tools/chromium/path: | .venv/.demo
	mkdir -p .tools/chromium
	$(BIN)/python test/get_chromium.py .tools/chromium > $@.found
	mv $@.found $@

clean:
	rm -rf .venv .tools build dist
