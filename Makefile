# One target a stage, each a verb of the onnxmoe command. ARGS adds settings: make train RECIPE=demo ARGS="--steps 10"
ONNXMOE := eng/onnxmoe
RECIPE ?= demo
MODEL ?= demo
CLUSTER ?=
DEPLOY ?=
DRILL ?=
SHAPE ?=
COUNTS ?=
SYSTEM ?=
RECIPES ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: setup build train search compress export run place map shard serve demo bench drill compare reproduce test format format-check clean help

setup:
	@eng/setup

build:
	@eng/build

train search compress: build
	@$(ONNXMOE) $@ $(RECIPE) $(ARGS)

compare: build
	@$(ONNXMOE) compare $(RECIPES) $(ARGS)

reproduce: build
	@$(ONNXMOE) reproduce $(SYSTEM) $(ARGS)

export: build
	@$(ONNXMOE) export $(MODEL) $(if $(DEPLOY),--deploy $(DEPLOY)) $(ARGS)

run: build
	@$(ONNXMOE) run $(MODEL) $(ARGS)

place: build
	@$(ONNXMOE) place $(MODEL) $(if $(CLUSTER),--cluster $(CLUSTER)) $(ARGS)

map: build
	@$(ONNXMOE) map $(SHAPE) $(if $(CLUSTER),--cluster $(CLUSTER)) $(ARGS)

shard: build
	@$(ONNXMOE) shard $(if $(COUNTS),--counts $(COUNTS)) $(if $(CLUSTER),--cluster $(CLUSTER)) $(ARGS)

serve: build
	@$(ONNXMOE) serve $(MODEL) $(ARGS)

demo:
	@eng/demo

bench: build
	@eng/bench $(ARGS)

drill:
	@eng/drill $(DRILL) $(ARGS)

test:
	@eng/test

format:
	@dotnet format OnnxMoe.sln --exclude eng/

format-check:
	@dotnet format OnnxMoe.sln --exclude eng/ --verify-no-changes --no-restore || { echo "Run 'make format'."; exit 1; }

clean:
	@find src compat tests -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
	@rm -rf native/build
	@echo "Build results removed; set-up, data and models stay."

help:
	@echo "make setup                  find out what this machine can have, install what is missing, fetch the data"
	@echo "                            (LANE=nuget|system, TORCH=cpu|cuda override)"
	@echo "make demo                   the whole chain in minutes: train, export, place, serve, one completion"
	@echo "make train RECIPE=demo      train what models/recipes/demo.json says, into models/demo"
	@echo "make export MODEL=demo      write models/demo/model.onnx and check it"
	@echo "                            (DEPLOY=kubernetes,triton: also models/demo/deploy)"
	@echo "make run MODEL=file.onnx    run any ONNX model on tensors from files"
	@echo "make place MODEL=demo CLUSTER=file.json    plan which GPU holds which expert"
	@echo "make map SHAPE=mixtral-8x22b CLUSTER=dgx-h100 ARGS=\"--nodes 16\"   how to divide a model over GPUs to train it"
	@echo "make shard COUNTS=file.csv CLUSTER=file.json   simulate training with sharded experts on a cluster"
	@echo "make serve MODEL=demo       serve it over HTTP (ARGS=\"--devices 4\": experts where placement.json says)"
	@echo "make bench                  the measurements of docs/benchmarks.md on this machine"
	@echo "make drill DRILL=soak       treat a server badly: connections, half-open, sigkill, ... (none: all but the soak); docs/reliability.md"
	@echo "make compare RECIPES=\"tiny demo\"           train and time several recipes at an equal budget; one page"
	@echo "make reproduce SYSTEM=20-deepseekmoe       repeat a published result at a small size; docs/results, docs/systems.md"
	@echo "make test                   build everything and run all tests"
	@echo "make format, make clean     tidy the sources; remove build results"
	@echo "make search RECIPE=digits-mlp              train a supernet, search it, extract and export the chosen subnetwork"
	@echo "make compress               a stage to come"
	@echo
	@echo "ARGS=\"--steps 10\" passes settings on; eng/onnxmoe VERB --help lists them all."
