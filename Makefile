# SPDX-License-Identifier: Apache-2.0
# `make help` says what there is.

PYTHON = .venv/bin/python
LAB = $(PYTHON) -m tests.lab
CODE = rbd_multistore tests $(wildcard benchmarks)

.DEFAULT_GOAL := help
.PHONY: help lab lab-nova lab-down lab-status demo demo-nova test unit \
	functional nova-boot test-nova nova-releases tempest \
	lint bench bench-boot docs \
	test-env lab-env nova-env tempest-env

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

lab: lab-env ## bring the lab up, or put right what is not up
	@$(LAB) up

lab-nova: nova-env ## the lab with a Nova and three computes
	@$(LAB) up-nova

lab-down: ## stop the lab; what it stored stays in .lab/
	@if [ -x $(PYTHON) ]; then $(LAB) down; else echo 'there is no lab'; fi

lab-status: ## which daemons of the lab run
	@$(LAB) status

demo: lab ## the lab, then the main job to watch
	@$(PYTHON) -m tests.lab.demo

demo-nova: lab-nova ## the lab with Nova, then servers that boot from it
	@$(PYTHON) -m tests.lab.nova.demo

test: nova-env lint unit functional nova-boot ## all of the checks but test-nova

unit: test-env ## unit tests: no root, no Ceph, no libvirt, seconds
	$(PYTHON) -m pytest -q tests/unit

functional: lab-env ## functional tests on the lab
	$(PYTHON) -m mypy -p tests.lab -p tests.tempest
	$(PYTHON) -m pytest tests/functional \
		--ignore tests/functional/nova_backend \
		--ignore tests/functional/nova

nova-boot: nova-env ## a server that boots on a miss and on a hit, on Nova
	$(PYTHON) -m pytest tests/functional/nova/test_boot.py

test-nova: nova-env ## tests of the plug-in into Nova 34, alone and on Nova
	$(PYTHON) -m pytest tests/functional/nova_backend tests/functional/nova

nova-releases: lab-env ## the plug-in with Nova 34, 33 and 32, on the lab
	@$(PYTHON) -m tests.functional.nova_backend.releases $(RELEASES)

tempest: tempest-env ## Tempest's own tests of servers and images, on Nova
	@$(PYTHON) -m tests.tempest $(TEMPEST)

lint: test-env ## ruff and mypy --strict
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: lab ## milliseconds and clones a second: ours, Nova's, the floor
	@$(PYTHON) -m pip install -q -c tests/lab/constraints.txt \
		-r benchmarks/requirements.txt
	@$(PYTHON) -m benchmarks $(BENCH)

bench-boot: lab-nova ## boot to ACTIVE in a whole Nova: ours and Nova's own
	@$(PYTHON) -m benchmarks.boot $(BENCH)

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

nova-env:
	@sh tests/lab/bootstrap.sh nova

tempest-env: nova-env
	@sh tests/lab/bootstrap.sh tempest
