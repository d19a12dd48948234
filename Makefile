# nightdesk. `make help` lists the targets. Nothing here needs root.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: backtest eq eqflat live-up live-logs live-down help setup setup-providers demo test lint bench bench-peers scaling torture lock calendar clean
PY := .venv/bin/python
BASH_FILES = nightdesk $(wildcard batch/*.sh jobs/*.sh config/*.sh .ci/run)

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

setup: .venv/.installed-nas ## the virtual environment with what runs (redone only when requirements-nas.txt changes)

setup-providers: .venv/.installed-providers ## the same with the clients of optional providers: ccxt, pykrx, alpaca-py

.venv/.installed-%: requirements-%.txt
	@jobs/make_venv.sh $<
	@# the jobs' user may not be able to keep what Python compiles, and would compile it at every start, for 80 ms
	@$(PY) -m compileall -qq jobs pyjobs utils || \
	  echo 'not all compiled modules can be kept (a __pycache__ of another user, a full disk?): jobs start 80 ms later' >&2
	@touch $@

demo: setup ## a whole night on a made-up market (20 seconds the first time, then five)
	@$(PY) -m pyjobs.make_sample
	@NIGHTDESK_ECHO=1 batch/run_nightly.sh --desk config/desk.sample.yaml

# One worker more than there are cores: some of the tests' time is waiting, for clocks, time limits and disks; style and
# types are looked at meanwhile.
test: .venv/.installed-dev ## everything that is checked: style, types, units, the shell chain, a whole night
	@$(MAKE) --no-print-directory lint & \
	code=0; $(PY) -m pytest -n $(or $(WORKERS),$$(($$(getconf _NPROCESSORS_ONLN) + 1))) --dist loadfile \
	  --no-loadscope-reorder -m 'not torture' || code=$$?; \
	wait $$! || { echo 'make lint fails: see above, or run it alone' >&2; exit 1; }; exit $$code

lint: .venv/.installed-dev ## shellcheck, shfmt, ruff, mypy
	@.venv/bin/shellcheck $(BASH_FILES)
	@.venv/bin/shfmt -i 2 -ci -d $(BASH_FILES)
	@.venv/bin/ruff check --quiet . && .venv/bin/ruff format --check --quiet .
	@$(PY) -m mypy --no-error-summary

live-up: ## keep the paper loops stepping: those of live.yaml, or DATA_TAG with SYMBOL, TIMEFRAME, STRATEGY …
	@jobs/live.sh up

live-logs: ## what they say, as it comes
	@jobs/live.sh logs

live-down: ## stop them
	@jobs/live.sh down

backtest: ## a backtest of a paper loop's window: DATA_TAG, RUNID, START_TS_MS, END_TS_MS
	@$(PY) -m pyjobs.live_backtest

eq: ## did the paper loop DATA_TAG decide as its backtest RUNID did? PASS or FAIL, and where
	@$(PY) -m pyjobs.live_eq

eqflat: ## both, from the loop's first decision on: DATA_TAG
	@jobs/eqflat.sh "$(DATA_TAG)"

bench-peers: .venv-peers/.installed ## the engines that ours are measured against, in an environment of their own (1 GB)

.venv-peers/.installed: requirements-peers.txt
	@jobs/make_venv.sh $< .venv-peers
	@touch $@

bench: .venv/.installed-dev ## what the chain, the bar store, an ingest and the decision core cost, beside their peers in the same run
	@$(PY) -m tests.bench.chain
	@$(PY) -m tests.bench.store
	@$(PY) -m tests.bench.ingest
	@$(PY) -m tests.bench.dumps
	@$(PY) -m tests.bench.splits
	@$(PY) -m tests.bench.board
	@$(PY) -m tests.bench.universe
	@$(PY) -m tests.bench.core
	@$(PY) -m tests.bench.desk
	@$(PY) -m tests.bench.night

scaling: .venv/.installed-dev ## how a sweep's cost grows; the tables of docs/SCALING.md, and its picture anew (five minutes)
	@$(PY) -m tests.bench.scaling --picture docs/scaling.png

torture: .venv/.installed-dev ## the long proofs: thousands of kills, hundreds of megabytes (half an hour on two cores; WORKERS=4 on four)
	@$(PY) -m pytest -n $(or $(WORKERS),2) --dist worksteal -rP -m torture

lock: .venv/.installed-dev ## pin what pyproject.toml asks for, with hashes and without any index address
	@declare -A extra=([nas]='' [providers]='--extra providers' [dev]='--extra dev --extra providers -c requirements-providers.txt'); \
	for set in nas providers dev; do \
	  .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header $${extra[$$set]} -c requirements-nas.txt pyproject.toml -o requirements-$$set.txt; \
	done
	@.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header tests/bench/peers/requirements.in -o requirements-peers.txt

calendar: .venv/.installed-dev ## add a market of exchange_calendars (MARKET=XWBO) to the compiled calendars
	@[[ -n "$(MARKET)" ]] || { echo "name a market: make calendar MARKET=XWBO" >&2; exit 64; }
	@$(PY) -m pyjobs.build_calendars --add "$(MARKET)"

clean: ## remove what tools have made; never data, logs, reports or secrets
	@rm -rf .venv .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis bench-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
