# `make demo` and `make test` work on a fresh clone; everything they install lies in .venv and target, the report of the demo in out/demo.
# MODEL=0 goes without the companion model, which needs PyTorch; else a PyTorch that PYTHON has is taken, or one is downloaded.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
DEMO ?= out/demo
MODEL ?= 1
WITH_MODEL := $(filter-out 0,$(MODEL))
WITH := $(if $(WITH_MODEL),$(VENV)/.model)
RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml 2>/dev/null) Cargo.toml Cargo.lock
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --constraint
# With BPE_LAB_MODEL=1 a missing companion model is a failure, with 0 its tests are left out.
PYTEST := BPE_LAB_MODEL=$(if $(WITH_MODEL),1,0) $(BIN)/python -m pytest --quiet

.PHONY: demo test test-full bench fuzz lint format setup machine clean
.NOTPARALLEL:

## demo: set up, then compare tokenizers on the embedded sample; says where the report is
demo: $(VENV)/.report $(WITH)
	$(BIN)/bpe-lab compare --lang ko --out $(DEMO) --force $(if $(WITH_MODEL),,--no-downstream)

## test: set up, then everything that takes minutes at most
test: $(VENV)/.dev $(WITH)
	cargo test --quiet
	$(PYTEST)

## test-full: the long versions too (10^6 random strings, every corpus, every peer)
test-full: $(VENV)/.dev $(WITH)
	BPE_LAB_CASES=1000000 cargo test --release --quiet
	BPE_LAB_FULL=1 $(PYTEST)

## bench: speed beside the peers, answers checked first
bench: $(VENV)/.bench
	$(BIN)/python benches/against.py

## fuzz: every loader and the encoder, until stopped or FUZZ_SECONDS (60 each) are over
fuzz: $(VENV)/.dev
	BPE_LAB_FUZZ_SECONDS=$${FUZZ_SECONDS:-60} cargo test --release --quiet -- --ignored fuzz

## lint: what a commit must pass
lint: $(VENV)/.dev $(WITH)
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check python model tests benches
	$(BIN)/ruff check python model tests benches
	$(BIN)/mypy $(if $(WITH_MODEL),,-p bpe_lab)

format: $(VENV)/.dev
	cargo fmt --all
	$(BIN)/ruff format python model tests benches
	$(BIN)/ruff check --fix python model tests benches

setup: $(VENV)/.dev $(WITH)

$(VENV)/.made: | machine
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt $(RUST)
	@echo "building bpe-lab (one or two minutes the first time)"
	@$(PIP) constraints.txt --editable .
	@touch $@

$(VENV)/.model: model/pyproject.toml constraints.txt | $(VENV)/.installed
	@$(BIN)/python model/borrow_torch.py $(PYTHON) constraints.txt > $(VENV)/constraints.txt
	@$(PIP) $(VENV)/constraints.txt --editable model
	@touch $@

$(VENV)/.report: $(VENV)/.installed
	@$(PIP) constraints.txt --editable '.[report]'
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@echo "installing what the tests need"
	@$(PIP) constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(PIP) constraints.txt --editable '.[dev,bench]'
	@touch $@

## machine: say what is missing here, if anything
machine:
	@missing=; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	  || missing="$$missing\n  Python 3.10 or newer as $(PYTHON)          Debian: apt install python3"; \
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || missing="$$missing\n  Python's venv and ensurepip modules      Debian: apt install python3-venv"; \
	command -v cc >/dev/null \
	  || missing="$$missing\n  a C compiler as cc (the linker)          Debian: apt install gcc libc6-dev"; \
	have=$$(cargo --version 2>/dev/null | cut -d' ' -f2); \
	printf '1.88\n%s\n' "$${have:-0}" | sort -VC \
	  || missing="$$missing\n  Rust 1.88 or newer (found: $${have:-none})         https://rustup.rs"; \
	if [ -n "$$missing" ]; then printf "This machine lacks:$$missing\n" >&2; exit 1; fi

clean:
	rm -rf $(VENV) target $(DEMO)
