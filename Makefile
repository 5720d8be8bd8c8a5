# 松柏 Songbai. Two commands matter: make demo, make test. Everything they need is set up on the way.
# PYTHON=/path/to/python3.12 picks the interpreter (3.11 or newer); SENIORS=500 makes the demo county smaller.

SENIORS ?= 2000
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := var/demo
# xdist pays from two cores on; PYTEST_ARGS="tests/ledger -x" narrows a run.
WORKERS ?= 2
PYTEST_ARGS ?=
SECONDS ?= 120
KILLS ?= 110

export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-browser test-terminal simulate check format serve bench bench-quick migration lock clean

demo: $(READY)
	$(BIN)/songbai demo --seniors $(SENIORS) --out $(DEMO)

test: $(READY)
	@.ci/browser
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

# The caregiver's app and the senior's page in Chromium. SONGBAI_SCREENS=1 writes their pictures to docs/screens/.
test-browser: $(READY)
	@.ci/browser
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests/browser $(PYTEST_ARGS)

# Terminals over ISO 8583: dialogues, an independent implementation as the terminal, garbage.
test-terminal: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) tests/pos_gateway/iso8583 $(PYTEST_ARGS)

# make simulate SEED=7 plays one run again and prints every step. Without a seed: new ones for SECONDS, a line each, then KILLS on each engine.
simulate: $(READY)
ifdef SEED
	$(BIN)/python -m tests.simulation --seed $(SEED)
else
	$(BIN)/python -m tests.simulation --seconds $(SECONDS)
	$(BIN)/python -m tests.simulation.crash --engine sqlite --kills $(KILLS)
	$(BIN)/python -m tests.simulation.crash --engine postgresql --kills $(KILLS)
endif

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: $(READY)
	$(BIN)/songbai serve --home $(DEMO)

# Every figure of docs/performance.md; bench-quick the same in small, in under three minutes. BENCH_ARGS="batches hot" runs parts, --full more.
BENCH_ARGS ?=
bench: $(READY)
	$(BIN)/python -m bench $(BENCH_ARGS)

bench-quick: $(READY)
	$(BIN)/python -m bench --quick $(BENCH_ARGS)

# Write down how the declared tables differ from the migrations so far: make migration REV=0002 MESSAGE="meals". Drawn up on PostgreSQL,
# because SQLite cannot tell which indexes on expressions it has.
migration: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.postgres sh -c \
	  'alembic upgrade head && alembic revision --autogenerate --rev-id "$(REV)" -m "$(MESSAGE)" && ruff format -q migrations'

# Resolve the ranges of pyproject.toml anew and write down what was found.
lock: $(READY)
	rm -rf var/lock && mkdir -p var
	$(BIN)/python -m venv var/lock
	var/lock/bin/python -m pip install --quiet .
	var/lock/bin/python -m pip freeze --exclude songbai > requirements.lock
	var/lock/bin/python -m pip install --quiet '.[test]'
	var/lock/bin/python -m pip freeze --exclude songbai > requirements-test.lock
	rm -rf var/lock

clean:
	rm -rf $(VENV) var dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock requirements-test.lock pyproject.toml .ci/environment
	@.ci/environment $(VENV)
