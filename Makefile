# Everything runs from here: each target does its own set-up on a machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
# one thread a process: two have been measured to be slower, at times tenfold
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
export NASGYM_DATA ?= $(CURDIR)/.data

.PHONY: install compare test test-long lint data bench clean

install: $(VENV)/.installed

# torch comes first: with it in place no other package asks for a build of several gigabytes
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	touch $@

compare: install
	$(BIN)/nasgym compare nasgym/Digits-v0 --jobs $(JOBS) --out nasgym-results/digits

data: install
	$(BIN)/python -m tests.build_data

test: data
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not long"

test-long: data
	$(BIN)/python -m pytest -q -n $(JOBS)

lint: install
	$(BIN)/ruff check nasgym agents tests examples benchmarks
	$(BIN)/ruff format --check nasgym agents tests examples benchmarks
	$(BIN)/mypy

bench: data
	$(BIN)/python benchmarks/agent_speed.py
	$(BIN)/python benchmarks/env_speed.py

clean:
	rm -rf $(VENV) .data build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
