# The commands of the house; `make` lists them. GNU make and a plain shell.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
UV := $(BIN)/uv --quiet
# Only wheels, so that nothing unpinned is fetched to build them.
PINNED := --require-hashes --only-binary :all:
# A release younger than a week may yet be found to be poisoned and be withdrawn.
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --exclude-newer P7D \
	--no-emit-index-url --no-header --no-annotate $(if $(UPGRADE),--upgrade)

# Many processes are started; each would compile again all that it loads.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install install-dev demo up test test-containers bench chaos redteam learn check requirements clean

help: ## List these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/run.installed ## Make the virtual environment .venv; a second call does nothing.

install-dev: .venv/dev.installed

demo: install ## 200 people get their notifications, and every one is accounted for.
	@$(BIN)/python manage.py demo $(ARGS)

up: install ## All of it on this machine, until Ctrl-C: pages, API, workers, services.
	@$(BIN)/python manage.py up $(ARGS)

test: install-dev ## Run the tests; ARGS="-k name" picks some.
	$(BIN)/python -m pytest $(ARGS)

test-containers: install ## Build and start Dockerfile and compose.yaml; 4 minutes, needs root or an engine.
	$(BIN)/python -m tests.containers

bench: install-dev ## Measure, as ratios and percentiles; ARGS="api delivery page" picks some.
	$(BIN)/python -m bench $(ARGS)

chaos: install-dev ## Break everything, and count what the provider took; FAULT=27 SEED=5 repeats one, QUICK=1 takes ten.
	$(BIN)/python -m tests.chaos $(if $(QUICK),--quick,$(if $(FAULT),--fault $(FAULT),--out docs/chaos)) $(if $(SEED),--seed $(SEED)) $(ARGS)

redteam: install-dev ## How the guardrails do on the labelled corpus; ARGS="--missed --false-alarms" prints what they get wrong.
	$(BIN)/python -m tests.redteam $(ARGS)

learn: install-dev .venv/learn.installed ## Learn the guardrails' weights again, after a change of corpus, lexicon or templates.
	$(BIN)/python -m tests.redteam.learn

check: install-dev ## Style, types, rules of imports, dependencies, migrations.
	$(BIN)/ruff check .
	$(BIN)/black --quiet --check .
	$(BIN)/isort --check .
	$(BIN)/flake8
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml healthnotify config manage.py
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

requirements: install ## Pin what pyproject.toml asks for; UPGRADE=1 takes the newest.
	echo uv | $(COMPILE) --output-file requirements/uv.txt -
	$(COMPILE) --extra embedded --output-file requirements/run.txt pyproject.toml
	$(COMPILE) --extra embedded --extra test --extra lint --extra bench --constraint requirements/run.txt \
		--output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --extra learn --constraint requirements/dev.txt --output-file requirements/learn.txt pyproject.toml

clean: ## Remove what the commands above have made.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is ten times as fast as pip; where it does not run, pip does the same from the same pins.
.venv/%.installed: requirements/%.txt requirements/uv.txt | $(BIN)/python
	@echo "Installing $* requirements into .venv ..."
	@$(PIP) install $(PINNED) -r requirements/uv.txt && $(UV) pip install --python $(BIN)/python $(PINNED) -r $< \
		|| { echo "uv could not do it, so pip does; that takes a little longer." >&2; $(PIP) install $(PINNED) -r $<; }
	@touch $@

# When this fails or is interrupted, make removes the target, and the next call begins again.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed, and $(PYTHON) is not. Try: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv
