# Everything runs from here: each target does its own set-up on a machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
# one thread a process: two have been measured to be slower, at times tenfold
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
export NASGYM_DATA ?= $(CURDIR)/.data

.PHONY: install compare test test-long test-clients lint data bench clean

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

# clients that cannot share our environment have one of their own, which finds nasgym in this checkout
CLIENTS := torchrl tianshou rllib
$(CLIENTS:%=.side/%/.made): .side/%/.made: tests/clients/requirements/%.txt
	test -x .side/$*/bin/python || $(PYTHON) -m venv .side/$*
	.side/$*/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	.side/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	.side/$*/bin/python -c 'import sysconfig; open(sysconfig.get_path("purelib") + "/nasgym.pth", "w").write("$(CURDIR)\n")'
	touch $@

# warnings of the clients are theirs; those that concern nasgym are errors in `make test`
test-clients: install $(CLIENTS:%=.side/%/.made)
	$(BIN)/python -m pytest -q tests/clients tests/wrappers
	set -e; for client in $(CLIENTS); do \
		NASGYM_CLIENT=$$client .side/$$client/bin/python -m pytest -q -W default \
			tests/clients/test_gymnasium.py tests/clients/test_$$client.py; \
	done

lint: install
	$(BIN)/ruff check nasgym agents tests examples benchmarks
	$(BIN)/ruff format --check nasgym agents tests examples benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# about seven minutes on two cores; `make bench BENCH=--quick` takes two. Contestants from other libraries get environments of their
# own under .side/; one that cannot be installed is stated in the table
bench: data
	$(BIN)/python -m benchmarks.side.install
	$(BIN)/python -m benchmarks.bench $(BENCH)

clean:
	rm -rf $(VENV) .side .data build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
