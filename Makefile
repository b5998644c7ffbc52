# `make` prints what there is. Everything runs in .venv, made on first use from requirements.txt.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help lab test data run lessons live badges checkpoints benchmarks lint clean

help:  ## print this list
	@echo "Transformers course. Two commands are enough: 'make lab' to learn, 'make test' to prove that everything works."
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(VENV)/learner: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "error: Python 3.10 or newer is needed, this is " + sys.version.split()[0] + "; name another one: make lab PYTHON=python3.12")'
	@echo "Making the environment in $(VENV) (a few minutes, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "error: 'python -m venv' failed; on Debian and Ubuntu: sudo apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install -q --upgrade "pip>=24.1" && $(BIN)/python -m pip install -q -r requirements.txt || { echo "error: pip could not install requirements.txt (no network? see pip's message above); run the command again"; exit 1; }
	@touch $@

$(VENV)/developer: $(VENV)/learner requirements/dev.txt
	@$(BIN)/python -m pip install -q -r requirements/dev.txt || { echo "error: pip could not install requirements/dev.txt (no network? see pip's message above); run the command again"; exit 1; }
	@touch $@

lab: $(VENV)/learner data  ## make the environment, fetch data and models, open JupyterLab at the start page
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --LabApp.news_url=None notebooks/00_start_here.ipynb

test: $(VENV)/developer data  ## make what is missing, then run every test, the notebooks among them
	@$(BIN)/python -m pytest tests notebooks

data: $(VENV)/learner  ## fetch data and models into data/cache (190 MB, once) and convert SmolLM2
	@$(BIN)/python -m utils.data

run: $(VENV)/developer data  ## execute notebooks in place, refresh times and memory: make run, or make run NB="03 05"
	@$(BIN)/python scripts/run.py $(NB)

lessons: $(VENV)/developer  ## export utils/lessons from the notebooks
	@$(BIN)/python scripts/lessons.py

live: $(VENV)/developer  ## write a copy for live coding to live/: marked cells blanked, speaker notes beside them
	@$(BIN)/python scripts/live.py

badges: $(VENV)/developer  ## write the repository's address everywhere: make badges REPO=owner/name
	@$(BIN)/python scripts/course.py $(REPO)

checkpoints: $(VENV)/developer data  ## train the weights in data/checkpoints again (some 20 minutes)
	@$(BIN)/python scripts/checkpoints.py

benchmarks: $(VENV)/developer data  ## run the open scripts behind the committed results (four hours or so)
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

lint: $(VENV)/developer  ## ruff over code and notebooks
	@$(BIN)/ruff check .

clean:  ## remove the environment and all caches (data and models are fetched again)
	rm -rf $(VENV) data/cache live .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
