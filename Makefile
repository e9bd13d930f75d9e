# On a fresh machine with Python 3.11, `make run` and `make test` need no other command before them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# The programs in tests/ (matrix, release, hostile) are packages of that folder: they are started there with -m.
PYTHON_OF_TESTS := $(CURDIR)/$(BIN)/python
# Each test file runs in one worker, because its fixtures are shared. Many tests wait for processes: two workers more than CPUs.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )))
PARALLEL := -n $(WORKERS) --dist loadfile
TAG ?= localhost/hydra-vertex
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test coverage nightly fuzz kills docs reference documented lint types wheel release-check image engines-slurm engines-kubernetes matrix hostile google-components check bench components lock clean help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: $(VENV)/run  ## set up, then tune, select, retrain and report with the sample app on real text
	PATH="$(CURDIR)/$(BIN):$$PATH" hydra-vertex run --search trainer/conf/hparams_search/docs.yaml \
	  --trials 12 --parallel 2 -- python trainer/train.py experiment=docs

# With COVERAGE=1 the shorter tests are measured, and the lower limit of the coverage is checked.
PYTEST := $(BIN)/python $(if $(COVERAGE),tests/coverage_run.py --then-others,-m pytest)

test: $(VENV)/dev  ## set up, then run the test suite in two processes more than there are CPUs
	$(PYTEST) $(PARALLEL)

# They stop nodes and daemons of the cluster, so that no two of them may run at once.
engines-slurm: $(VENV)/dev  ## run the tests of Slurm on the cluster of SLURM_CONF, as its administrator
	$(BIN)/python -m pytest tests/service/trials/engines/slurm tests/examples/test_slurm.py

engines-kubernetes: $(VENV)/dev  ## run the tests of Kubernetes on the cluster of KUBECONFIG, as its administrator
	$(BIN)/python -m pytest tests/service/trials/engines/kubernetes tests/examples/test_kubernetes.py \
	  tests/launcher/steps/test_own_service.py

coverage: $(VENV)/dev  ## run the shorter tests and report the covered lines, child processes included
	$(BIN)/python tests/coverage_run.py $(PARALLEL)

fuzz: $(VENV)/dev  ## nightly: 100,000 texts through Hydra's parser (the suite: 2,000), 20,000 requests to REST and to gRPC (500), 5,000 params (250), 300 checked apps (15)
	HYPOTHESIS_PROFILE=nightly FUZZ_CASES=20000 SWEEP_CASES=5000 GENERATED_APPS=300 $(BIN)/python -m pytest \
	  tests/trial/config/test_quoting.py tests/service/api/test_fuzz.py tests/trial/test_differential.py \
	  tests/launcher/preflight/test_generated_apps.py

nightly: $(VENV)/dev  ## nightly: every test, those that `make test` leaves out too
	EVERY_TEST=1 $(BIN)/python -m pytest $(PARALLEL)

kills: $(VENV)/dev  ## nightly: 200 kills of a running study (the suite: 10) and 60 of local runs (the suite: 3)
	KILL_SEEDS=20 $(BIN)/python -m pytest tests/service/engine/test_kills.py tests/cli/test_kills.py

faults: $(VENV)/dev  ## nightly: 500 runs of the tuning step behind a proxy that injects faults (the suite: 8)
	FAULT_SEEDS=250 $(BIN)/python -m pytest tests/launcher/faults

docs: $(VENV)/dev  ## build the documentation's site in build/site; a link that leads nowhere is an error
	cd tests && $(PYTHON_OF_TESTS) -m docs.site

reference: $(VENV)/dev  ## write docs/reference from the source
	cd tests && $(PYTHON_OF_TESTS) -m docs.reference

documented: $(VENV)/dev  ## nightly: run every command of the documentation that needs no cloud and no cluster (the suite: without the slow ones)
	DOCUMENTED_COMMANDS=all $(BIN)/python -m pytest tests/docs/test_commands_run.py

lint: $(VENV)/dev  ## run ruff as linter and as formatter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev  ## run mypy: strict on the installed packages, and on the annotations of tests and benchmarks
	$(BIN)/mypy
	$(BIN)/mypy trainer/*.py
	$(BIN)/mypy --config-file tests/mypy.toml tests benchmarks --exclude 'benchmarks/launcher\.py'
	$(BIN)/mypy --config-file tests/mypy.toml benchmarks/launcher.py

wheel: $(VENV)/dev  ## build the wheel, install it into a new environment, run both commands
	cd tests && $(PYTHON_OF_TESTS) -m release.wheel

release-check: $(VENV)/dev  ## check a release: build both archives, install them on every supported Python of this machine
	cd tests && $(PYTHON_OF_TESTS) -m release

image: $(VENV)/dev  ## build the image with the version as a label; `make image TAG=...` sets its name
	docker build --build-arg VERSION=$$(cd tests && $(PYTHON_OF_TESTS) -m release.version) --tag $(TAG) .

matrix: $(VENV)/dev  ## run the tests on every supported Python and library version; `make matrix ROWS="launching 3.13"` selects rows
	cd tests && $(PYTHON_OF_TESTS) -m matrix $(ROWS)

hostile: $(VENV)/dev  ## run tests in unusual environments: other programs, homes, locales, proxies, ranks, ...
	cd tests && $(PYTHON_OF_TESTS) -m hostile $(HOSTILE)

google-components: $(VENV)/dev  ## run the tests of Google's pipeline components, in a separate environment
	cd tests && $(PYTHON_OF_TESTS) -m matrix google-components

check: test lint types release-check matrix  ## run what CI runs, and the matrix

bench: $(VENV)/dev  ## print the figures of docs/measured.md that take minutes
	$(BIN)/python -m benchmarks

components: $(VENV)/dev  ## write the component.yaml files from their Python source
	$(BIN)/python -m hydra_vertex.pipelines.compiler

lock: $(VENV)/dev  ## compile requirements/*.txt from pyproject.toml; `make lock UPGRADE=1` takes the newest version of each
	$(BIN)/python requirements/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## remove everything that make created
	rm -rf $(VENV) build dist

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp file for each set of requirements. `dev` includes all of `run`, so installing one never removes the other.
$(VENV)/run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --requirement requirements/run.txt
	$(PIP) install --quiet --no-deps --editable .
	touch $@

$(VENV)/dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --requirement requirements/dev.txt
	$(PIP) install --quiet --no-deps --editable .
	touch $@
