# Every target is one line that calls a program of the workspace. `make` alone says what there is.
.PHONY: help deps demo up test test-second check-api faults bench bench-bounce bench-verdict bench-mail bench-webhooks bench-api fuzz sqlx openapi

CARGO = SQLX_OFFLINE=true cargo

help: ## Say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

deps: ## Install what the private servers are made of (Postgres, Redis, Dovecot, Postfix)
	@tests/deps.sh

demo: deps ## A mailbox is stolen before your eyes, with real servers; DEMO_EXIT=1 ends by itself
	@$(CARGO) build --locked --workspace --bins && exec target/debug/demo

up: deps ## API and worker with private servers under .daimon/, and your first API key
	@$(CARGO) build --locked --workspace --bins && exec target/debug/up

test: ## Everything: format, lints, arrows, every test with its private servers
	@.ci/run

test-second: ## The stories again, with mailboxes on Courier instead of Dovecot
	@tests/deps.sh courier && $(CARGO) build --locked --workspace --bins && DAIMON_TEST_IMAP=courier SQLX_OFFLINE=true \
		target/debug/with-servers run cargo nextest run --locked --workspace --test it \
		-E 'package(daimon-tests) and not test(/^oauth::/)'

check-api: ## Measure the document, lint it, and let schemathesis look for answers that are not as it says; EXAMPLES=50 to look longer
	@tests/deps.sh verify
	@$(CARGO) build --locked --workspace --bins
	@target/debug/with-servers run target/debug/check-api $(if $(EXAMPLES),--examples $(EXAMPLES)) $(if $(SEED),--seed $(SEED))

faults: deps ## Break everything for real and compare what is left with what was promised; SEED=7 for others, PARTS=R1,R5 for some
	@$(CARGO) build --release --locked -p daimon-api -p daimon-worker --bins
	@$(CARGO) bench --locked -p daimon-benches --bench faults -- $(if $(SEED),--seed $(SEED)) $(if $(PARTS),--parts $(PARTS))

bench: bench-bounce bench-verdict bench-mail bench-webhooks bench-api ## Every bench, one after the other

bench-bounce: ## How fast reports are read, next to mail-parser alone, and how hostile ones
	@$(CARGO) bench --locked -p daimon-bounce --bench bounce

bench-verdict: ## How soon a takeover is found on simulated fleets, and how often an innocent one is accused
	@$(CARGO) bench --locked -p daimon-worker --bench verdict

bench-mail: ## Mailboxes on a real Dovecot: a flood, memory and latency with IDLE, turns; MAILS=20000 or PARTS=idle for a quick look
	@tests/deps.sh isync
	@$(CARGO) build --release --locked -p daimon-api -p daimon-worker --bins
	@$(CARGO) bench --locked -p daimon-benches --bench mail -- --mails $(or $(MAILS),100000) $(if $(PARTS),--parts $(PARTS))

bench-webhooks: deps ## Webhooks a second to 1, 10 and 100 endpoints, and how soon they come; MINUTES=1 for a quick look
	@$(CARGO) build --release --locked -p daimon-api -p daimon-worker --bins
	@$(CARGO) bench --locked -p daimon-benches --bench webhooks -- --minutes $(or $(MINUTES),10) $(if $(PARTS),--parts $(PARTS))

bench-api: ## Reads, lists and writes of the API next to the bare statements, and page 2,000 of 5 million rows; ROWS=200000 and ONLY=mailbox for a quick look
	@tests/deps.sh wrk
	@$(CARGO) build --release --locked -p daimon-api --bins
	@$(CARGO) bench --locked -p daimon-benches --bench api -- --rows $(or $(ROWS),5000000) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

fuzz: ## Try inputs that nobody thought of; MINUTES=5 for each target
	@shared/bounce/fuzz/run $(or $(MINUTES),5)

sqlx: deps ## Write .sqlx/ anew after a change of SQL or migrations
	@$(CARGO) run -q --locked -p daimon-tests --no-default-features --bin statements

openapi: ## Write openapi/openapi.json anew after a change of the API
	@$(CARGO) build --locked --workspace --bins && target/debug/daimon-api openapi > target/openapi.json && mv target/openapi.json openapi/openapi.json
