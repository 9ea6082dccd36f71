# Everything sets itself up: `make demo`, `make test`.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# packages are compiled when they are first used, whatever the environment says
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest
# as many workers as the machine can feed; none with ARGS="-p no:xdist"
PARALLEL = $(if $(findstring no:xdist,$(ARGS)),,--numprocesses=auto --dist=worksteal)

.PHONY: install demo test test-faults test-browser test-containers screenshots soak breaks bench lint format lock clean
install: .venv/installed

.venv/installed: pyproject.toml requirements.lock requirements-dev.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: install
	$(BIN)/bl2sm demo $(if $(CONSOLE),--console) $(ARGS)

# each family takes ARGS for pytest: a path, -k, --pdb, -n0; SEED= picks another seed than 1
test: install
	$(PYTEST) $(PARALLEL) -m "not slow and not browser and not containers" $(ARGS)

# every fault that takes its time: kills, stops, brokers and APIs that fail
test-faults: install
	$(PYTEST) $(PARALLEL) -m slow $(ARGS)

# the console in Chromium
test-browser: install
	$(PYTEST) -m browser $(ARGS)

# image, compose file, upgrade and schemas on a container engine; skipped with the reason where there is none
test-containers: install
	$(PYTEST) -m containers --timeout=500 -o timeout_func_only=true --durations=8 tests/containers $(ARGS)

screenshots: install
	$(BIN)/python -m tests.browser.screenshots

soak: install
	$(BIN)/python -m tests.faults.soak

breaks: install
	$(BIN)/python -m tests.faults.breaks $(ARGS)

bench: install .venv-rivals/installed
	$(BIN)/python -m bench $(ARGS)

.venv-rivals/installed: bench/rivals/requirements.txt
	$(PYTHON) -m venv .venv-rivals
	.venv-rivals/bin/python -m pip install --quiet --disable-pip-version-check -r bench/rivals/requirements.txt
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-options --no-header
lock:
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra sandbox --output-file requirements-sandbox.lock pyproject.toml
	$(COMPILE) --extra dev --output-file requirements-dev.lock pyproject.toml
	sed -i.old '/^baselinker-salesmanago @/,/# via/d' requirements-dev.lock && rm requirements-dev.lock.old # its own folder
	$(BIN)/python -m sandbox.kafka.lock_jars

clean:
	rm -rf .venv .venv-rivals .pytest_cache .mypy_cache .ruff_cache
