# Two commands do everything on a fresh machine with Python 3.11: `make run` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# The programs below tests/ are packages of that folder.
PYTHON_OF_TESTS := $(CURDIR)/$(BIN)/python
# A test file stays in one process, with its fixtures. Many tests wait for processes, hence one more than there are CPUs.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
PARALLEL := -n $(WORKERS) --dist loadfile
TAG ?= localhost/hydra-vertex
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test coverage fuzz kills lint types wheel release-check image matrix hostile google-components check bench components lock clean help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: $(VENV)/run  ## set-up, then the main job on real text: tune, select, retrain, report
	PATH="$(CURDIR)/$(BIN):$$PATH" hydra-vertex run --search trainer/conf/hparams_search/docs.yaml \
	  --trials 12 --parallel 2 -- python trainer/train.py experiment=docs

test: $(VENV)/dev  ## set-up, then the test suite, in as many processes as there are CPUs and one more
	$(BIN)/python -m pytest $(PARALLEL)

coverage: $(VENV)/dev  ## the test suite, and which lines of ours it runs; child processes count
	$(BIN)/python tests/coverage_run.py $(PARALLEL)

fuzz: $(VENV)/dev  ## the night's share: 100,000 texts through Hydra's parser (the suite has 2,000)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/trial/config/test_quoting.py

kills: $(VENV)/dev  ## the night's share: 200 kills of a running study's processes (the suite has 10)
	KILL_SEEDS=20 $(BIN)/python -m pytest tests/service/engine/test_kills.py

lint: $(VENV)/dev  ## ruff, both as linter and as formatter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev  ## mypy: strict for what is installed, and for the annotations of tests and benchmarks
	$(BIN)/mypy
	$(BIN)/mypy trainer/*.py
	$(BIN)/mypy --config-file tests/mypy.toml tests benchmarks

wheel: $(VENV)/dev  ## build the wheel, install it into a new environment, run both commands
	cd tests && $(PYTHON_OF_TESTS) -m release.wheel

release-check: $(VENV)/dev  ## what must hold before a release: both archives, on every supported Python that is here
	cd tests && $(PYTHON_OF_TESTS) -m release

image: $(VENV)/dev  ## build the image, labelled with the version; `make image TAG=...` names it
	docker build --build-arg VERSION=$$(cd tests && $(PYTHON_OF_TESTS) -m release.version) --tag $(TAG) .

matrix: $(VENV)/dev  ## the tests on every Python and library version that is promised; `make matrix ROWS="launching 3.13"` runs some
	cd tests && $(PYTHON_OF_TESTS) -m matrix $(ROWS)

hostile: $(VENV)/dev  ## tests in environments that are not the usual one: other programs, homes, locales, proxies, ranks, ...
	cd tests && $(PYTHON_OF_TESTS) -m hostile $(HOSTILE)

google-components: $(VENV)/dev  ## the tests of Google's own pipeline components, in an environment of their own
	cd tests && $(PYTHON_OF_TESTS) -m matrix google-components

check: test lint types release-check matrix  ## everything that CI runs

bench: $(VENV)/dev  ## print every figure that the README quotes
	$(BIN)/python -m benchmarks

components: $(VENV)/dev  ## write the component.yaml files from their source
	$(BIN)/python -m hydra_vertex.pipelines.compiler

lock: $(VENV)/dev  ## compile requirements/*.txt from pyproject.toml; `make lock UPGRADE=1` takes the newest of everything
	$(BIN)/python requirements/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## remove what make made
	rm -rf $(VENV) build dist

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp for each set of requirements: `dev` holds all of `run`, so that the two never undo each other.
$(VENV)/run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --requirement requirements/run.txt
	$(PIP) install --quiet --no-deps --editable .
	touch $@

$(VENV)/dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --requirement requirements/dev.txt
	$(PIP) install --quiet --no-deps --editable .
	touch $@
