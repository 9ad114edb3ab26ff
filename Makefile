# make demo   train a backend on simulated larvae, label a recording and print its ethogram
# make test   run all checks of continuous integration; several may run at once
# make torture  end commands at random moments, fill disks, fuzz files ...; SECONDS=1800 SEED=0
# make docs   build the website in build/site; any warning or dead link is an error
# make bench  compare the speed with that of simple code; takes a quarter of an hour
# Each target installs what it needs into .venv and .tools. This requires Python >= 3.11 and access
# to a package index.

PYTHON ?= python3
BIN := .venv/bin
DEMO := build/demo
SITE ?= build/site
SECONDS ?= 1800
SEED ?= 0
BACKEND := $(BIN)/tagging-backend --project examplebackend

.PHONY: demo test lint docs torture bench clean

demo: .venv/.demo
	rm -rf $(DEMO)
	$(BACKEND) reset --model-instance demo --model
	$(BIN)/python -m taggingbackends.simulation $(DEMO)/1 --seed 1 --run 20240611_101500
	$(BIN)/python -m taggingbackends.simulation $(DEMO)/2 --seed 2 --run 20240611_103000
	$(BIN)/python -m taggingbackends.simulation $(DEMO)/3 --seed 3 --run 20240612_090000
	$(BACKEND) train $(DEMO)/1/truth.label $(DEMO)/2/truth.label --model-instance demo --force
	$(BACKEND) predict $(DEMO)/3/*.spine --model-instance demo
	$(BIN)/tagging-backend labels show $(DEMO)/3/predicted.label

test: .venv/.dev .venv/.docs .tools/poetry/.ready .tools/julia/path .tools/chromium/path lint
	POETRY=$(CURDIR)/.tools/poetry/bin/poetry TAGGINGBACKENDS_JULIA=$$(cat .tools/julia/path) \
	TAGGINGBACKENDS_CHROMIUM=$$(cat .tools/chromium/path) $(BIN)/python test/run.py

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/mypy src examplebackend/src benchmarks --exclude template/full
	MYPYPATH=src/taggingbackends/backend/template/full/src $(BIN)/mypy -p my_tagger

docs: .venv/.docs
	rm -rf $(SITE)
	$(BIN)/python -m sphinx -c docs --fail-on-warning --fresh-env --quiet -d $(SITE).doctrees . $(SITE)

torture: .venv/.dev .tools/julia/path
	cd test && TAGGINGBACKENDS_JULIA=$$(cat ../.tools/julia/path) ../$(BIN)/python -m torture \
	--seconds $(SECONDS) --seed $(SEED)

bench: .venv/.dev .tools/julia/path
	TAGGINGBACKENDS_JULIA=$$(cat .tools/julia/path) $(BIN)/python -m benchmarks

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"Python 3.11 or later is needed, found %d.%d: make PYTHON=python3.x" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/.demo: pyproject.toml examplebackend/pyproject.toml | .venv
	$(BIN)/python -m pip install --quiet --editable . --editable examplebackend
	touch $@

.venv/.dev: .venv/.demo
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

.venv/.docs: .venv/.demo
	$(BIN)/python -m pip install --quiet --group docs
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
