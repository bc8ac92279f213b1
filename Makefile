# The commands of the README. Each target says what it needs and fails at once where it is missing.
SHELL := /bin/bash
CARGO ?= cargo

.PHONY: book same dist matrix conformance reboots crashes check test demo drill faults bench fuzz deny deps lab-ready

# Format, lints, unit and simulated tests, and the book's links, no root, no lab: four minutes, and eight to build from nothing. Killed at
# every record the model is too slow without optimization.
check: scripts book
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --profile ci --all-targets -- -D warnings
	$(CARGO) test --locked --profile ci

# What reaches a master as shell, read by shellcheck; it is installed where it is missing.
scripts:
	@lab/shellcheck

# docs/ as pages, in target/book; each link in it is followed.
book:
	packaging/book

# Everything: what `check` does, real sshd and sudo, and real machines with etcd 3.4, 3.5, 3.6 and 3.7. STORIES=drill:: runs
# some of the stories on machines, LABS=1 one after the other.
STORIES ?=
AS_STORIES = env CARGO_TARGET_$(shell rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)_RUNNER=$(CURDIR)/lab/stories
test: lab-ready scripts book
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --profile ci --all-targets --features lab -- -D warnings
	$(CARGO) test --locked --profile ci --features lab
	$(AS_STORIES) $(CARGO) test --locked --profile ci --features lab --test lab -- $(STORIES)

# The whole story on a lab of its own; KEEP=1 keeps the lab, ETCD=3.4 takes another version.
demo: deps
	$(CARGO) build --locked --release
	lab/demo

# Drills of 2+1 and 3+2 on real machines, by stop and by isolation, and drills that are broken on purpose.
drill: lab-ready
	$(AS_STORIES) $(CARGO) test --locked --profile ci --features lab --test lab -- drill:: broken_drills::

# A drill broken at each of its phases: killed, unplugged, without space, with a spoiled template; initiate-dr and recover
# killed at each step. Three hours; REQUORUM_TEST_STAGES=7,8 takes some steps only.
faults: lab-ready
	$(CARGO) test --locked --release --features lab --test faults -- --test-threads=1 --nocapture

# The circle of each shape on each version of etcd: about a minute each. Those with API servers besides, in 3+2 too, and drilled;
# both commands killed at every other step there: half an hour.
matrix: lab-ready
	for shape in env flags variables config log pod docker; do for etcd in 3.4 3.5 3.6 3.7; do \
	    echo "$$shape, etcd $$etcd"; \
	    SHAPE=$$shape ETCD=$$etcd $(CARGO) test --locked --profile ci --features lab --test lab -- --exact shapes::by_name || exit; \
	done; done
	for shape in env flags config pod; do \
	    SHAPE=$$shape $(CARGO) test --locked --profile ci --features lab --test lab -- kubernetes_comes_back || exit; \
	done
	ZONES=3+2 $(CARGO) test --locked --profile ci --features lab --test lab -- kubernetes_comes_back
	ZONES=3+2 SHAPE=pod $(CARGO) test --locked --profile ci --features lab --test lab -- kubernetes_comes_back
	$(CARGO) test --locked --profile ci --features lab --test faults -- --test-threads=1 --nocapture with_api_servers
	for etcd in 3.4 3.5 3.6 3.7; do \
	    ETCD=$$etcd $(CARGO) test --locked --profile ci --features lab --test lab -- what_was_acknowledged_right_before || exit; \
	done
	for etcd in 3.5 3.6 3.7; do \
	    SHAPE=set-ups ETCD=$$etcd $(CARGO) test --locked --profile ci --features lab --test lab -- --exact shapes::by_name || exit; \
	done

# A machine loses its power at each step of both commands, in each shape: about two minutes each.
reboots: lab-ready
	for shape in env flags config pod docker; do \
	    echo "$$shape"; \
	    SHAPE=$$shape $(CARGO) test --locked --profile ci --features lab --test faults -- --exact reboots::by_name || exit; \
	done

# Every drill in the model, killed after each record and cut at each act.
crashes:
	REQUORUM_EVERY=1 $(CARGO) test --locked --release --test drill_crashes -- --nocapture

# Kubernetes' own conformance tests of its API machinery, after a loss and the way home; SHAPE=pod takes kubeadm's form.
conformance: lab-ready
	$(CARGO) build --locked --release
	lab/conformance

# A stripped binary for any x86-64 Linux with glibc 2.28 or later, a .deb, a .rpm, SHA-256 sums and a CycloneDX list, in
# target/dist; ARCH=aarch64 for arm64, after that.
dist:
	packaging/dist $(or $(ARCH),x86_64)

# Builds `dist` twice, in other places, and says whether the bytes are the same.
same:
	packaging/same $(or $(ARCH),x86_64)

bench: lab-ready
	$(CARGO) build --locked --release
	benches/review
	benches/run

# A million broken inventories, playbooks and templates; FUZZ=N tries another number.
fuzz:
	REQUORUM_FUZZ=$(or $(FUZZ),1000000) $(CARGO) test --locked --release --test fuzz -- --nocapture

# Licences, banned crates and sources of what is built in; needs cargo-deny (cargo install --locked cargo-deny).
deny:
	$(CARGO) deny check bans licenses sources

# What the lab and the tests install by themselves.
deps:
	@lab/ready

# As `deps`, and what etcd 3.6 and 3.7 are built with.
lab-ready:
	@lab/ready --all-versions
