# Everything a developer needs, from nothing but `make` and a Python >= 3.11.
#
#   JOURNEYS_PYTHON=…   the interpreter to make .venv with (after `make clean`, if there is one already)
#   UV=                 use venv and pip even where uv is installed
#
# .venv is filled in layers. Each has a stamp file in .venv and is only redone when pyproject.toml changes: the core alone
# for `make demo`, the extras test and dev for everything else, the extra bench on top.

SHELL := /bin/sh
UV ?= $(shell command -v uv 2>/dev/null)
PY := .venv/bin/python

# This checkout, even where .venv is copied or linked from another one.
export PYTHONPATH := $(CURDIR)/src
export UV

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help .venv demo test check bench soak matrix clean

help: ## show this list
	@sed -n 's/^\([.a-z]*\):.*## /\1	/p' $(firstword $(MAKEFILE_LIST)) | while IFS='	' read -r target text; do \
	  printf '  make %-8s %s\n' "$$target" "$$text"; done

.venv: .venv/.full ## make or refresh the environment for development

demo: .venv/.core ## run the demo; needs only the core dependencies
	@$(PY) examples/demo.py

test: check ## everything that CI runs: the static checks, then the tests
	$(PY) -m pytest -q

check: .venv/.full ## the static checks alone: ruff, mypy --strict, import contracts
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy --strict
	$(PY) .venv/bin/lint-imports --no-logo

bench: .venv/.bench ## run the benchmark
	$(PY) -m bench

soak: .venv/.full ## long random runs
	$(PY) -m pytest -m soak --timeout=0

matrix: ## the tests on every Python >= 3.11 of this machine, each in its own .venv-X.Y
	@$(define_usable); failed=; seen=' '; \
	for python in $(PYTHONS) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin/python3; do \
	  usable "$$python" || continue; \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  case "$$seen" in *" $$version "*) continue;; esac; seen="$$seen$$version "; \
	  echo "== Python $$version ($$python)"; \
	  { $(MAKE) --no-print-directory .venv-$$version/.test JOURNEYS_PYTHON="$$python" \
	    && .venv-$$version/bin/python -m pytest -q; } || failed="$$failed $$version"; \
	done; \
	if [ "$$seen" = ' ' ]; then echo 'no Python >= 3.11 was found' >&2; exit 1; fi; \
	echo "== tested on:$${seen% }"; [ -z "$$failed" ] || { echo "== failed on:$$failed" >&2; exit 1; }

clean: ## remove environments, caches and builds
	rm -rf .venv .venv-* build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------- environments

PYTHONS := python3 python3.15 python3.14 python3.13 python3.12 python3.11

# Shell function: is $1 a Python >= 3.11 that can make environments (or has the modules $2)? It is asked by running it: a
# name on the PATH may be a shim with nothing behind it, and some systems ship Python without ensurepip. uv needs neither.
define_usable = usable() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { [ -n "$$UV" ] || "$$1" -c "import $${2-ensurepip, venv}" >/dev/null 2>&1; }; }

# $(call install,DIRECTORY,WHAT): make the environment if there is none that works, and install WHAT, a pip requirement.
define install
@$(define_usable); set -e; \
if ! usable "$(1)/bin/python" pip; then \
  found=; \
  for python in $(if $(JOURNEYS_PYTHON),"$(JOURNEYS_PYTHON)",$(PYTHONS)); do \
    if usable "$$python"; then found=$$python; break; fi; \
  done; \
  if [ -z "$$found$(JOURNEYS_PYTHON)" ] && [ -n "$$UV" ]; then found='>=3.11'; fi; \
  if [ -z "$$found" ]; then \
    echo 'journeys needs Python 3.11 or newer with venv and ensurepip (Debian: python3-venv).' >&2; \
    echo 'None of these is one: $(or $(JOURNEYS_PYTHON),$(PYTHONS)).' >&2; \
    echo 'Name one: make JOURNEYS_PYTHON=/path/to/python3 …' >&2; exit 1; \
  fi; \
  echo "making $(1) with $$found"; rm -rf "$(1)"; \
  if [ -n "$$UV" ]; then "$$UV" venv -q --python "$$found" "$(1)"; else "$$found" -m venv "$(1)"; fi; \
fi; \
echo 'installing $(2) into $(1)'; \
if [ -n "$$UV" ]; then "$$UV" pip install -q --python "$(1)/bin/python" -e '$(2)'; \
else "$(1)/bin/python" -m pip install -q --disable-pip-version-check -e '$(2)'; fi
endef

.venv/.core: pyproject.toml
	$(call install,.venv,.)
	@touch $@

.venv/.full: pyproject.toml
	$(call install,.venv,.[test$(comma)dev])
	@touch .venv/.core $@

.venv/.bench: .venv/.full
	$(call install,.venv,.[bench])
	@touch $@

.venv-%/.test: pyproject.toml
	$(call install,.venv-$*,.[test])
	@touch $@

comma := ,
