# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export OMP_WAIT_POLICY = PASSIVE

.PHONY: demo test install boards cells labelstudio clean

demo: $(STAMP)  ## the whole loop on generated data; everything lies in build/demo
	$(BIN)/boxwright demo --out build/demo

test: $(STAMP)  ## ruff, types, import contracts, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright -p pyproject.toml
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -n 2 --dist loadfile

install: $(STAMP)

$(STAMP): pyproject.toml constraints/cpu.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	UV_FIND_LINKS="$$PIP_FIND_LINKS" $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints/cpu.txt -e '.[all]' --group dev
	touch $(STAMP)

boards: $(STAMP)  ## DATA=<DeepPCB folder>: native layout to a gated bundle in build/boards
	examples/boards/run.sh "$(DATA)" build/boards

cells: $(STAMP)  ## DATA=<BCCD folder>: VOC to a gated bundle in build/cells
	examples/cells/run.sh "$(DATA)" build/cells

labelstudio: $(STAMP)  ## the review connector against a real Label Studio (1 GB in build/, about 7 minutes)
	test -x build/peers_labelstudio/bin/label-studio || \
	    ($(PYTHON) -m venv build/peers_labelstudio && build/peers_labelstudio/bin/pip install -q label-studio==1.23.2)
	$(BIN)/pytest -m slow -n0 tests/lifecycle/test_label_studio.py

clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis
