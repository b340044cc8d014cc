# The two commands are `make setup` and `make demo` or `make test`; each also does what it needs of the one before.

GO        ?= go
LINT      := $(GO) tool -modfile=tools/lint/go.mod
BENCHSTAT := $(GO) tool -modfile=tools/bench/go.mod benchstat
# How often the benchmarks beside other libraries run; benchstat wants six runs at least to say how far they spread.
RUNS      ?= 10
# Packages that have tests against the real world: those with the build tag e2e.
E2E       = $(sort $(dir $(shell grep -rl --include=*_test.go '^//go:build e2e' cmd executor framework internal scheduler test zk)))

.DEFAULT_GOAL := help
.PHONY: help setup build test fast e2e demo lint golden count sim sim-long mutants bench peers scale clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## install the Debian packages and build Kubernetes, where that is not done yet
	@sh tools/setup.sh

build: ## build the two programs into bin, and the local Mesos into bin/local
	@mkdir -p bin/local
	CGO_ENABLED=0 $(GO) build -o bin/ ./cmd/k8s-framework ./cmd/k8s-executor
	CGO_ENABLED=0 $(GO) build -o bin/local/ ./internal/local/mesos/mesos-master ./internal/local/mesos/mesos-agent ./internal/local/mesos/mesos-hollow

test: setup build lint fast e2e ## everything: set-up, build, lint, fast tests, tests against the real world

fast: ## the tests that need no more than Java and ZooKeeper's package, in under two minutes
	$(GO) test ./...

e2e: setup build ## the tests against the real world, one package after the other
	$(GO) test -tags e2e -count 1 -p 1 -timeout 30m $(addprefix ./,$(E2E))

demo: setup build ## show the main job on real parts
	$(GO) build -o bin/local/ ./examples/demo
	@bin/local/demo

lint: ## gofumpt, go vet, staticcheck
	@test -z "$$($(LINT) gofumpt -l cmd executor examples framework internal scheduler test tools/kubernetes zk | tee /dev/stderr)"
	$(GO) vet -tags e2e,bench,mutation ./...
	$(LINT) staticcheck -tags e2e,bench,mutation ./...

golden: ## rewrite the transcripts and golden files from what the code does now
	$(GO) test ./scheduler ./executor ./internal/kubelet -rewrite

count: setup ## rewrite the record of what the hot paths cost
	$(GO) test -tags e2e -count 1 ./test/count -rewrite

sim: ## the simulation of loop and core in a world that fails, 1,000 seeds
	$(GO) test ./framework -run 'Simulation$$' -count 1 -v

sim-long: ## the same, 100,000 seeds
	$(GO) test ./framework -run 'Simulation$$' -count 1 -v -sim.seeds 100000 -timeout 6h

mutants: ## the simulation against the product, broken on purpose in one place after the other
	$(GO) test -tags mutation ./framework -run Mutants -count 1 -v -timeout 60m

bench: setup build ## the benchmarks, those against the real world last
	$(GO) test -run '^$$' -bench . -skip DecodeOffers -benchmem ./scheduler ./internal/mesos ./zk
	$(MAKE) peers scale
	$(GO) test -tags bench -run '^TestBench' -count 1 -p 1 -timeout 60m -v ./test/bench/...

# All sides run once, and then all again, so that what else the machine does meets all of them. -cpu is GOMAXPROCS.
peers: setup build ## the benchmarks beside other libraries on loopback: medians of RUNS=10 runs, and how far they spread
	@mkdir -p bin
	@for run in $$(seq $(RUNS)); do \
		echo "run $$run of $(RUNS)" >&2; \
		$(GO) test -run '^$$' -bench DecodeOffers -cpu 2 ./internal/mesos && \
		$(GO) test -tags bench -run '^$$' -bench . -cpu 2 ./test/bench/peers || { cat bin/peers.txt >&2; exit 1; }; \
	done >bin/peers.txt
	@$(BENCHSTAT) -col '/who@(ours mesos-go mesos-go-json null wire)' bin/peers.txt

# Everything that the cluster consists of is pinned to two cores, so that GOMAXPROCS is 2.
scale: setup build ## the framework on 1,000 to 50,000 hollow agents: medians of RUNS=10 runs, and how far they spread
	@mkdir -p bin
	@for bench in Launch Kill Abdicate; do \
		taskset -c 0,1 $(GO) test -tags bench -run '^$$' -bench "$$bench" -benchtime 1x -count $(RUNS) -timeout 60m ./test/bench/scale || { cat bin/scale.txt >&2; exit 1; }; \
	done >bin/scale.txt
	@taskset -c 0,1 $(GO) test -tags bench -run '^$$' -bench Idle -benchtime 1x -timeout 60m ./test/bench/scale >>bin/scale.txt
	@$(BENCHSTAT) bin/scale.txt

clean: ## remove what was built
	rm -rf bin
