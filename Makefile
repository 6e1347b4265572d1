# Everything a reader of the course or a developer does, one target each. `make help` lists them.
PYTHON ?= python3
# The nightly run on newest versions sets this to /dev/null.
CONSTRAINTS ?= constraints.txt
PIP := .venv/bin/python -m pip --disable-pip-version-check
LABKIT := .venv/bin/python -m labkit
PYTEST := .venv/bin/python -m pytest -q
SYNTHESIS := .venv/bin/python -m synthesis

.PHONY: help base lab test course class pictures publish doctor data files inspect reader adapters questions triples written arms preferences rounds raft final lessons security bench benchmark lint clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

base: .venv/ready  ## fetch the base model (93 MB) once
	$(LABKIT) base

# Without the index the course opens all the same; what needs the base says so.
lab: .venv/ready  ## set up, and open the course in JupyterLab
	-$(LABKIT) base
	$(LABKIT) lab $(ARGS)

test: .venv/ready .venv/colab/ready base  ## set up, and run every check and test, each notebook included
	$(LABKIT) test

course: .venv/ready  ## run every lesson without a screen and print all figures
	$(LABKIT) course

class: .venv/ready  ## make a student and an instructor edition, graded by nbgrader: make class ARGS="03 04"
	.venv/bin/python notebooks/class_edition.py $(ARGS)

pictures: .venv/ready base  ## take the pictures of the widgets that INSTRUCTORS.md shows
	HF_HUB_OFFLINE=1 LABKIT_PICTURES=notebooks/images $(PYTEST) tests/browser/test_every_widget.py

publish: .venv/ready  ## stamp badges for Colab and Binder: make publish ARGS='--repository URL'
	$(LABKIT) publish $(ARGS)

doctor: .venv/ready  ## examine this machine, and say what to do about each problem
	$(LABKIT) doctor

data: .venv/ready  ## rebuild the course's data, byte for byte
	$(SYNTHESIS) data build

files: .venv/ready  ## print contracts with Chromium and LibreOffice anew
	$(SYNTHESIS) files

inspect: .venv/ready  ## show what labkit reads of your own documents: make inspect ARGS=FOLDER
	$(LABKIT) inspect $(ARGS)

reader: .venv/ready  ## measure the course's own language model, and write its card
	$(SYNTHESIS) reader card

adapters: .venv/ready  ## train the adapters that come with the course
	$(SYNTHESIS) adapters $(ARGS)

questions: .venv/ready  ## write the hypothetical questions of lesson 02 anew
	$(SYNTHESIS) questions

triples: .venv/ready  ## extract the triples of lesson 05 anew
	$(SYNTHESIS) triples

written: .venv/ready  ## write the questions of lesson 07 anew
	$(SYNTHESIS) written

arms: .venv/ready  ## train and ask the arms of lesson 08: make arms ARGS=FOLDER
	$(SYNTHESIS) arms $(ARGS)

preferences: .venv/ready  ## judge replies and learn from them, for lesson 09: make preferences ARGS=FOLDER
	$(SYNTHESIS) preferences $(ARGS)

rounds: .venv/ready  ## teach a model what arrives, round after round, for lesson 10: make rounds ARGS=FOLDER
	$(SYNTHESIS) rounds $(ARGS)

raft: .venv/ready  ## train on what the pipeline finds, for lesson 11: make raft ARGS=FOLDER
	$(SYNTHESIS) raft $(ARGS)

lessons: .venv/ready  ## collect what other lessons found, for lesson 14
	$(SYNTHESIS) lessons

final: .venv/ready  ## ask the benchmark's arms the final questions, for lessons 12 and 13: make final ARGS=FOLDER
	$(SYNTHESIS) final $(ARGS)

security: .venv/ready  ## attack models by documents, with and without defences: make security ARGS=FOLDER
	$(SYNTHESIS) security $(ARGS)

bench: .venv/ready  ## ask the benchmark's arms or compare runs: make bench ARGS='run FOLDER'
	$(LABKIT) bench $(ARGS)

benchmark: .venv/ready  ## tell the scores of all arms from the answers that come with the course
	$(LABKIT) bench run build/benchmark --engine shipped

lint: .venv/ready  ## check style and types
	$(LABKIT) lint

clean:  ## remove everything that was set up or built
	rm -rf .venv build dist

# torch comes first, so that no other package chooses its version.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "labkit needs Python 3.11 or newer: name one with make PYTHON=...")'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) install -q -c $(CONSTRAINTS) torch
	$(PIP) install -q -c $(CONSTRAINTS) -e '.[test]'
	touch $@

# A second environment with the versions that Google Colab carries, for the test of the wheel there.
.venv/colab/ready: .venv/ready tests/colab/constraints.txt
	test -x .venv/colab/bin/python || $(PYTHON) -m venv .venv/colab
	.venv/colab/bin/python -m pip --disable-pip-version-check install -q -c tests/colab/constraints.txt torch
	.venv/colab/bin/python tests/colab/requirements.py > .venv/colab/requirements.txt
	.venv/colab/bin/python -m pip --disable-pip-version-check install -q -c tests/colab/constraints.txt \
		-r .venv/colab/requirements.txt
	touch $@
