# A bare `make` prints this menu. Everything but `test` needs only Node (>=20.19 <23) and make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VITEST := node_modules/.bin/vitest run --config libs/testbed/vitest.config.ts

.PHONY: help run test test-unit test-node22 check format build bench bench-match bench-swap bench-edits bench-feed bench-presence bench-privacy load oracle clean

help: ## this menu
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## the whole path on this machine: demo fences, a small fleet, its events; Ctrl-C stops it
	@exec node services/standalone/dist/main.js --demo

test: build ## everything, with a real Kafka and a real Redis that it starts and stops itself
	@$(VITEST)

test-unit: node_modules/.installed ## what needs nothing but Node; seconds
	@FENCEPOST_TEST_ONLY=unit $(VITEST)

test-node22: ## the same as `make test` on Node 22, from the npm package node@22
	@libs/testbed/with-node22.sh make test

check: node_modules/.installed build ## format, lint, types, layers: what CI checks
	@node_modules/.bin/biome check .
	@node_modules/.bin/tsc -p libs/testbed/tsconfig.tests.json
	@FENCEPOST_TEST_ONLY=unit $(VITEST) libs/testbed/test/layers.test.ts

format: node_modules/.installed ## formats and applies safe lint fixes
	@node_modules/.bin/biome check --write .

build: node_modules/.installed ## installs what is missing and compiles to dist
	@node_modules/.bin/tsc -b

bench: build ## micro benches, about a minute; prints ratios
	@node bench/dist/micro.js $(ARGS)

bench-swap: build ## requests while the fences change under them; four minutes; ARGS=--help
	@node bench/dist/swap.js $(ARGS)

bench-edits: build ## one edit among a million fences, and the file of their index; two minutes; ARGS=--help
	@node --expose-gc --max-old-space-size=6144 bench/dist/edits.js $(ARGS)

bench-feed: build ## a change at control until pings at two nodes match it; two minutes; ARGS=--help
	@node bench/dist/feed.js $(ARGS)

bench-presence: build ## what presence costs a batch, on LMDB and on Redis; two minutes; ARGS=--help
	@node bench/dist/presence.js $(ARGS)

bench-privacy: build ## what keeping the promises costs on the ping path; two minutes; ARGS=--help
	@node bench/dist/privacy.js $(ARGS)

bench-match: build ## our index beside four other ways to match, 10k to 1M fences; minutes; ARGS=--help
	@node bench/dist/match.js $(ARGS)

load: build ## load against a node it starts itself, beside an empty handler; ARGS=--help
	@node bench/dist/load.js $(ARGS)

oracle: build ## every comparable ping of ../shared/data through the public door against GEOS; minutes
	@node bench/dist/oracle.js $(ARGS)

clean: ## removes what was built, the demo's data and the test caches
	@rm -rf dist libs/*/dist services/*/dist bench/dist bench/out .fencepost .cache

node_modules/.installed: package.json package-lock.json $(wildcard libs/*/package.json services/*/package.json) bench/package.json .npmrc
	@echo "installing packages …"
	@npm ci --no-fund --no-audit --loglevel=error
	@touch $@
