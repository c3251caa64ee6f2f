# Two commands matter to a newcomer: `make demo` and `make test`. Everything runs in .venv, nothing is global.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: help demo up test unit lint faults bench dashboards lock clean

help:           ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stadtfunk needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(STAMP)  ## the whole thing with a simulated city, on embedded parts
	$(BIN)/stadtfunk demo $(ARGS)

up:             ## the deployment in containers: Docker, ARGS="--demo" (docs/howto/deploy.md)
	deploy/up $(ARGS)

test: $(STAMP)  ## all checks and tests
	./.ci/test

unit: $(STAMP)  ## tests that need no service, in seconds
	$(BIN)/pytest tests/unit -m "not slow"

lint: $(STAMP)  ## formatting, types, room contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: $(STAMP) ## the whole fault suite (long)
	STADTFUNK_FAULTS=all $(BIN)/pytest tests/faults

bench: $(STAMP) ## the numbers: prints a table, writes build/bench.json
	$(BIN)/python -m benchmarks

PIP_COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

dashboards: $(STAMP) ## renew Grafana's dashboards from dashboards/
	$(BIN)/python -m dashboards

lock:           ## renew requirements.lock and the image's part of it from pyproject.toml
	$(PIP_COMPILE) --all-extras -o requirements.lock pyproject.toml
	cp requirements.lock requirements.image.lock  # the versions to prefer
	$(PIP_COMPILE) --extra portal --build-deps-for wheel -o requirements.image.lock pyproject.toml

clean:          ## remove what builds and demos made
	rm -rf build var .pytest_cache .mypy_cache .ruff_cache
