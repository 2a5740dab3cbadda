# Daybook's commands. Each does its own set-up: Debian packages that it lacks, named before they are installed, and
# a virtual environment in .venv from the locked requirements. Nothing else is installed outside this folder.

PYTHON ?= python3
PYTEST_ARGS ?=
SEEDS ?= 10000
REAL_SEEDS ?= 20
TORTURE_ARGS ?=
LOCK_ARGS ?=

venv := .venv/bin
# At the end: a program of the system's comes before one of the environment's.
export PATH := $(PATH):$(CURDIR)/$(venv)
# Who sits at an X11 desktop needs no virtual one for the demonstration.
virtual := $(if $(filter x,$(if $(DISPLAY),x)$(if $(WAYLAND_DISPLAY),w)),,desktop)
# $(call prepare,purposes): the target's own name is what the person typed.
prepare = @$(PYTHON) -m scripts.prepare "make $@" $(1)

.DEFAULT_GOAL := help
.PHONY: help demo test test-rest test-all simulate torture check format package bench lock clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r command does; do \
		printf '%-18s %s\n' "$$command" "$$does"; done

demo: ## show the main job: track, snapshot, sync, read the client's diary (DEMO_SECONDS=60 ends by itself)
	$(call prepare,window $(virtual) browser)
	@$(venv)/python -m stage.demo

test: ## prove the product on the embedded default (PYTEST_ARGS="-k name" chooses)
	$(call prepare,window desktop browser wayland)
	$(venv)/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-rest: ## prove what make test leaves out: the slow tests and further servers
	$(call prepare,window desktop browser wayland wayland-rest)
	@$(venv)/python -m pytest -m slow $(PYTEST_ARGS) || { code=$$?; [ $$code -eq 5 ] || exit $$code; \
		echo "No test is marked slow here: make test has run them all."; }

test-all: test test-rest ## prove everything: make test, then make test-rest

simulate: ## run weeks of simulated work on the timer's rules (SEEDS=100000) and the real tracker (REAL_SEEDS=500); goes on where it stopped
	$(call prepare,)
	@$(venv)/python -m tests.simulation --seeds $(SEEDS) --state .simulation
	@$(venv)/python -m tests.simulation --real --seeds $(REAL_SEEDS) --state .simulation

torture: ## kill, cut off, fill and damage the buffer thousands of times (TORTURE_ARGS="--only power"); goes on where it stopped
	$(call prepare,)
	@$(venv)/python -m tests.torture $(TORTURE_ARGS)

check: ## ruff, mypy strict, import-linter, and what the repository promises about itself
	$(call prepare,)
	$(venv)/ruff check .
	$(venv)/ruff format --check .
	$(venv)/mypy
	$(venv)/lint-imports
	$(venv)/python -m scripts.check_repository

format: ## format the code and mend what ruff can mend
	$(call prepare,)
	$(venv)/ruff format .
	$(venv)/ruff check --fix .

package: ## build the tracker into dist/daybook, start it and let it prove itself
	$(call prepare,window desktop packaging)
	@echo "Building dist/daybook, which takes about half a minute …"
	@$(venv)/pyinstaller --noconfirm --log-level ERROR pyinstaller.spec
	@$(venv)/python -m scripts.check_package dist/daybook/daybook

bench: ## measure memory, processor time and start-up, printed as a table
	$(call prepare,window desktop browser)
	@$(venv)/python -m benchmarks

lock: ## pin the dependencies anew after a change of pyproject.toml (LOCK_ARGS=--upgrade for newer ones)
	$(call prepare,)
	$(venv)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet $(LOCK_ARGS) -o requirements/all.txt

clean: ## remove everything that these commands made in this folder
	rm -rf .venv build dist demo-output *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .torture .simulation
	find . -name __pycache__ -prune -exec rm -rf {} +
