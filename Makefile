# SPDX-License-Identifier: Apache-2.0
# `make help` says what there is.

PYTHON = .venv/bin/python
LAB = $(PYTHON) -m tests.lab
CODE = rbd_multistore tests $(wildcard benchmarks)

.DEFAULT_GOAL := help
.PHONY: help lab lab-down lab-status demo test unit functional lint bench \
	test-env lab-env docs test-nova

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

lab: lab-env ## bring the lab up, or put right what is not up
	@$(LAB) up

lab-down: ## stop the lab; what it stored stays in .lab/
	@if [ -x $(PYTHON) ]; then $(LAB) down; else echo 'there is no lab'; fi

lab-status: ## which daemons of the lab run
	@$(LAB) status

demo: lab ## the lab, then the main job to watch
	@$(PYTHON) -m tests.lab.demo

test: lint unit functional ## all of the checks: style, types, unit, functional

unit: test-env ## unit tests: no root, no Ceph, no libvirt, seconds
	$(PYTHON) -m pytest -q tests/unit

functional: lab-env ## functional tests on the lab
	$(PYTHON) -m mypy -p tests.lab
	$(PYTHON) -m pytest tests/functional \
		--ignore tests/functional/nova_backend

test-nova: lab-env ## tests of the plug-in into Nova 34, on the lab
	@$(PYTHON) -m pip install -q -c tests/lab/constraints.txt \
		-r tests/nova-requirements.txt
	$(PYTHON) -m pytest tests/functional/nova_backend

lint: test-env ## ruff and mypy --strict
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: lab ## milliseconds and clones a second: ours, Nova's, the floor
	@$(PYTHON) -m pip install -q -c tests/lab/constraints.txt \
		-r benchmarks/requirements.txt
	@$(PYTHON) -m benchmarks $(BENCH)

docs: test-env ## the documentation, in doc/build/html
	@$(PYTHON) -m pip install -q -c tests/lab/constraints.txt \
		-r doc/requirements.txt
	@$(PYTHON) -m sphinx -q -W --keep-going -b html \
		-d doc/build/doctrees doc/source doc/build/html
	@echo 'docs: doc/build/html/index.html'

test-env:
	@sh tests/lab/bootstrap.sh test

lab-env:
	@sh tests/lab/bootstrap.sh lab
