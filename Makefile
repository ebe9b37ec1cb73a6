# From a clean clone with Python >= 3.11, a C++20 compiler and a package index:
#   make run    builds, installs into .venv and runs the first example
#   make test   all checks that a change must pass ; `make help` lists the rest
# Each step leaves a stamp in .venv/stamps, so that a second call is quick; C++ is compiled
# incrementally under build/.

PYTHON ?= python3
# WERROR=ON makes compiler warnings of the extension module errors (.ci/run does); the C++ tests
# are always built so.
WERROR ?= OFF
EXAMPLE ?= examples/quickstart.toml
RUN_DIR ?= runs/quickstart
PYTEST_ARGS ?=
BENCH_ARGS ?=

VENV := $(CURDIR)/.venv
STAMPS := $(VENV)/stamps
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet
# No build isolation: the build directory persists, and with it what was compiled before.
PACKAGE_INSTALL := $(PIP_INSTALL) --no-build-isolation \
	--config-settings=build-dir=build/{wheel_tag} \
	--config-settings=cmake.define.WATTKEEL_WERROR=$(WERROR)
# Two to four workers: each compiles the prototypes it needs.
PYTEST := $(BIN)/python -m pytest -p no:benchmark --numprocesses=auto --maxprocesses=4 $(PYTEST_ARGS)
# From the source tree: it must also work while what it wrote before does not compile.
GENERATE := PYTHONPATH=python $(BIN)/python -m wattkeel.spec.generate

export PATH := $(BIN):$(PATH)
export NUMBA_CACHE_DIR ?= $(CURDIR)/build/numba
export HYPOTHESIS_STORAGE_DIRECTORY ?= $(CURDIR)/build/hypothesis
# Measured data for the validation tests, which are skipped without it.
ifndef WATTKEEL_DATA
ifneq ($(wildcard ../shared/data),)
export WATTKEEL_DATA := $(abspath ../shared/data)
endif
endif

SOURCES := $(shell find python cpp cmake examples CMakeLists.txt pyproject.toml -type f \
	-not -path '*/__pycache__/*' -not -path 'cpp/tests/*' -not -name '*.so' | sort)
CPP_FILES = $(shell find cpp -name '*.hpp' -o -name '*.cpp')

.PHONY: help run install dev test test-all lint test-cpp test-py bench peers docs format generate
.PHONY: clean distclean FORCE
.DELETE_ON_ERROR:

help:
	@echo 'make run        build, install into .venv, simulate $(EXAMPLE)'
	@echo 'make test       lint, C++ tests under sanitizers, Python tests without the slow ones'
	@echo 'make test-all   the same with the slow ones'
	@echo 'make peers      other simulators for make bench to compare with: simses, PyBaMM, PySAM'
	@echo 'make bench      measure; docs: build the documentation; lint, format: check, mend the form'
	@echo 'make generate   write what follows from python/wattkeel/spec anew'
	@echo 'make clean      remove build products; distclean: the environment in .venv too'

# ---- the environment

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'wattkeel needs Python 3.11 or newer; try: make PYTHON=python3.12'; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

# What pyproject.toml asks for to build; CMake and Ninja only where the machine has none.
$(STAMPS)/build: pyproject.toml | $(STAMPS)/venv
	@echo '== installing build tools'
	@$(PIP_INSTALL) $$($(BIN)/python -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	@mkdir -p build
	@echo 'cmake_minimum_required(VERSION 3.25)' > build/version.cmake
	@cmake -P build/version.cmake >/dev/null 2>&1 || $(PIP_INSTALL) 'cmake>=3.25'
	@command -v ninja >/dev/null || $(PIP_INSTALL) ninja
	@touch $@

# The list changes when a file comes or goes, which no file's time stamp would show.
build/sources.txt: FORCE
	@mkdir -p build
	@echo $(SOURCES) | cmp -s - $@ || echo $(SOURCES) > $@

$(STAMPS)/package: build/sources.txt $(SOURCES) | $(STAMPS)/build
	@echo '== building and installing wattkeel'
	@$(PACKAGE_INSTALL) .
	@touch $@

$(STAMPS)/dev: pyproject.toml | $(STAMPS)/package
	@echo '== installing what the checks need'
	@$(PACKAGE_INSTALL) '.[dev]'
	@touch $@

$(STAMPS)/docs: pyproject.toml | $(STAMPS)/package
	@echo '== installing what the documentation needs'
	@$(PACKAGE_INSTALL) '.[docs]'
	@touch $@

install: $(STAMPS)/package
dev: $(STAMPS)/package $(STAMPS)/dev

# ---- what a user wants

# Its last line says where the report is. A violated limit is a result, not a failure of `make run`.
run: install
	@$(BIN)/wattkeel run $(EXAMPLE) --out $(RUN_DIR) --fail-on never

# Each benchmark asserts its answer; the figures go to build/bench.json.
bench: dev
	$(BIN)/python bench/run.py --json build/bench.json $(BENCH_ARGS)

# Other simulators that `make bench` then sets beside wattkeel, each in an environment of its own.
peers: $(STAMPS)/venv
	$(BIN)/python bench/peers/install.py

# ---- what a change must pass

test: lint test-cpp test-py
test-all: lint test-cpp
	$(MAKE) test-py SLOW=yes

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CPP_FILES)
	$(BIN)/mypy
	$(GENERATE) --check

test-cpp: $(STAMPS)/build
	cmake --workflow --preset asan

# The tests run against the installed package, as a user has it.
test-py: dev
	$(PYTEST) $(if $(SLOW),,-m 'not slow')

format: dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP_FILES)

generate: $(STAMPS)/venv
	$(GENERATE)

docs: $(STAMPS)/package $(STAMPS)/docs
	$(BIN)/sphinx-build -W --keep-going -d build/doctrees docs build/docs
	@echo 'documentation: build/docs/index.html'

clean:
	rm -rf build dist .hypothesis .benchmarks .ruff_cache

distclean: clean
	rm -rf .venv
