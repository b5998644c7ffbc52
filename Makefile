# `make` prints what there is. Everything runs in .venv, which `make` builds and mends by itself (scripts/environment.py).
# Another Python: make lab PYTHON=python3.12
SHELL  := /bin/sh
BIN    := .venv/bin
MAKER   = $(or $(PYTHON),$(shell .venv/bin/python -c 'import sys; print(sys._base_executable)' 2>/dev/null || echo python3))

.DEFAULT_GOAL := help
.PHONY: help environment developer lab mine test check data tools run lessons live badges checkpoints benchmarks mutants lock lint clean

help:  ## print this list
	@echo "Transformers course. Two commands are enough: 'make lab' to learn, 'make test' to prove that everything works."
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

environment:
	@$(MAKER) -m scripts.environment

developer:
	@$(MAKER) -m scripts.environment --dev

lab: environment data  ## make the environment, fetch data and models, open JupyterLab at the start page
	@$(BIN)/python -m scripts.lab

mine: environment  ## a working copy of the notebooks in mine/, for your own answers; what is there stays
	@$(BIN)/python -m scripts.mine

test: developer data $(if $(NB),$(if $(filter 16,$(NB)),tools),tools)  ## make what is missing, then run every test, the notebooks among them; NB=05 for one notebook with all that belongs to it
	@$(BIN)/python -m pytest $(if $(NB),tests $(foreach n,$(NB),$(wildcard notebooks/$(n)_*.ipynb)) -k "$(subst $() $(), or ,$(strip $(NB)))",tests notebooks)

check: developer data  ## the tests without notebooks and browser: under two minutes
	@$(BIN)/python -m pytest tests -m "not slow"

data: environment  ## fetch data and models into data/cache (190 MB, once) and convert SmolLM2
	@$(BIN)/python -m scripts.fetch

tools: environment  ## make the environments of tools that need one of their own: AutoTrain, for notebook 16 (a minute, once)
	@$(BIN)/python -m scripts.tools

run: developer data  ## execute notebooks in place, refresh outputs, times and memory: make run, or make run NB="03 05"
	@$(BIN)/python -m scripts.run $(NB)

lessons: developer  ## export lessons/ from the notebooks
	@$(BIN)/python -m scripts.lessons

live: developer  ## write a copy for live coding to live/: marked cells blanked, speaker notes beside them
	@$(BIN)/python -m scripts.live

badges: developer  ## write the repository's address everywhere: make badges, or make badges REPO=owner/name
	@$(BIN)/python -m scripts.course $(REPO)

checkpoints: developer data  ## train the weights in data/checkpoints again (four hours or so)
	@$(BIN)/python -m scripts.checkpoints

benchmarks: developer data  ## run the open scripts behind the committed results (six hours or so)
	@for script in benchmarks/nb*.py; do $(BIN)/python -m benchmarks.$$(basename $$script .py) || exit 1; done

mutants: developer data  ## plant one bug after the other and see which notebooks notice: make mutants, or make mutants NB=05
	@$(BIN)/python -m scripts.mutants $(NB)

lock: developer  ## write down the exact versions of this environment in requirements/lock.txt
	@(echo "# What CI ran, exactly (Linux, Python 3.11, CPU build of torch); made by make lock, needed by nothing."; \
	  $(BIN)/pip list --format=freeze --exclude pip --exclude setuptools --exclude wheel | sed 's/+cpu$$//') > requirements/lock.txt

lint: developer  ## ruff over code and notebooks
	@$(BIN)/ruff check .

clean:  ## remove the environment and all caches (data and models are fetched again; learners' progress stays)
	rm -rf .venv data/cache live .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
