# Every task of this repository, by name. `just` alone lists them.

export RUSTDOCFLAGS := "-D warnings"

# The profile of the binary that the scripts test (Cargo.toml): `just profile=release conformance`.
profile := "ci"
livegate := "target" / profile / "livegate"

# The home that all tests share. An empty variable is an unset one.
test_home := if env("LIVEGATE_TEST_HOME", "") == "" { "target/testbed" } else { env("LIVEGATE_TEST_HOME") }

default:
    @just --list

# Everything that CI checks, in lanes side by side; .ci/lanes.py lists the recipes.
ci:
    python3 .ci/lanes.py

# Write the sources in the project's format.
format:
    cargo fmt --all
    rustfmt --edition 2024 fuzz/fuzz_targets/*.rs fuzz/libjpeg/src/lib.rs fuzz/seeds/src/main.rs

format-check:
    cargo fmt --all -- --check
    rustfmt --edition 2024 --check fuzz/fuzz_targets/*.rs fuzz/libjpeg/src/lib.rs fuzz/seeds/src/main.rs

# Warnings are errors here, but not in an ordinary build.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

docs:
    cargo doc --workspace --no-deps --document-private-items --locked

# The README's test command.
test:
    cargo test --workspace

# Compile the tests, and run none.
build-tests:
    cargo test --workspace --no-run

# crates/liveness/examples/check.rs on the portrait: bytes in, verdict out. Built with the whole workspace,
# as the tests are: with other features cargo would build the dependencies again.
example:
    cargo build --quiet --locked --workspace --example check
    LIVEGATE_HOME={{test_home}} target/debug/examples/check {{test_home}}/sample/portrait.png

# The binary that the scripts below test.
binary:
    cargo build --locked --profile {{profile}}

# Set the binary up from nothing, and use it as a newcomer would.
smoke: binary
    python3 deploy/smoke.py {{livegate}}

# The files in deploy/ with the programs that read them, requests through Envoy, and deploy/gpu on the CPU.
deploy-check: binary
    python3 deploy/check.py
    python3 deploy/envoy/try.py {{livegate}}
    rm -rf target/gpu
    DEVICES=cpu deploy/gpu/prepare.sh {{livegate}} target/gpu
    target/gpu/check.sh --device cpu --set 'batching.devices=["cpu"]' --seconds 0.5 --batch 1,2 --concurrency 1,8 --out target/gpu/out

# Debian, as root, with 6 GB of disk. Builds Livegate in the image; `--binary FILE` uses one that exists.
# Every step of the Dockerfile, and the image's service, without a container engine.
exercise-dockerfile *options:
    command -v buildah mmdebstrap > /dev/null || (apt-get update -q && apt-get install -y -q --no-install-recommends buildah mmdebstrap)
    python3 deploy/exercise-dockerfile.py {{options}}

# Requests from real clients, directly and through nginx.
conformance: binary
    python3 crates/livegate/tests/conformance/run.py {{livegate}}

# The pages in Debian's Chromium; screenshots go to target/screenshots.
browser *tests: binary
    tests/browser/run {{livegate}} {{tests}}

# The binary against its own /openapi.json, with requests that schemathesis generates: about a minute.
contract *options: binary
    python3 crates/livegate/tests/contract/run.py {{livegate}} {{options}}

# Write deploy/livegate.example.toml and docs/CONFIGURATION.md from the comments on the fields.
configuration:
    WRITE_CONFIGURATION=1 cargo test -p engine --test configuration is_written_from_the_fields

# Write docs/openapi.json after an intended change of the API; review the diff.
openapi:
    mkdir -p target
    cargo run --quiet -- openapi > target/openapi.json
    mv target/openapi.json docs/openapi.json

# Record the examples in /openapi.json, then the document itself; review the diff.
openapi-examples:
    LIVEGATE_RECORD_EXAMPLES=1 cargo test -p livegate --test program the_examples_are_what_is_answered
    just openapi

# Write the ledger of scores anew (crates/liveness/tests/data/ledger.txt); name the change in CHANGELOG.md.
ledger:
    LIVEGATE_RECORD_LEDGER=1 cargo test -p liveness --test ledger

# Whether refusal times tell which app ids exist: in the process, and over loopback HTTP.
timing:
    cargo bench -p accounts --bench identify
    cargo build --release --locked
    python3 crates/livegate/tests/conformance/timing.py target/release/livegate

# Measure every step, in about six minutes, and write the table in docs/PERFORMANCE.md. `--step decode`
# measures decoding alone, and compares it with libjpeg (with nasm, if that is installed, and without).
bench-table *options:
    python3 benches/table.py {{options}}

# Compare Livegate with the peer (../shared/reference/peer); installs wrk if it is missing.
peer *options:
    cargo build --release --locked
    python3 benches/peer.py target/release/livegate {{options}}

# The same, and with an earlier commit, which is built beside the tree: `just peer-before f5d915b`.
peer-before commit *options: (peer "--before" commit options)

# The service at 4 times its capacity, at 80% for half an hour, and at a shutdown under load.
operate *options:
    cargo build --release --locked
    cargo build --release --locked -p benches --example pace
    python3 benches/operate.py target/release/livegate overload {{options}}
    python3 benches/operate.py target/release/livegate endurance {{options}}
    python3 benches/operate.py target/release/livegate end {{options}}

# How an app fares beside others that crowd the service: about four minutes, or six with `--before COMMIT`.
# `--page` writes the table in docs/CAPACITY.md.
neighbours *options:
    cargo build --release --locked
    cargo build --release --locked -p benches --example pace
    python3 benches/neighbours.py target/release/livegate {{options}}

# Fuzz every parser of untrusted bytes, each for so many seconds (needs clang).
fuzz seconds="600":
    fuzz/run jpeg {{seconds}}
    fuzz/run jpeg_differential {{seconds}}
    fuzz/run picture {{seconds}}
    fuzz/run onnx_model {{seconds}}
    fuzz/run body {{seconds}}

# Licences, sources and bans of dependencies; needs cargo-deny.
deny:
    cargo deny --all-features check bans licenses sources

# Record the reference values of OpenCV, onnx and the Python reference. Needs ../shared, and Python with
# the packages that the scripts name.
record:
    LIVEGATE_SAVE_DRAWN_FACE=$PWD/target/drawn.png cargo test -p model-pack drawn_face
    python3 models/record.py ../shared target/drawn.png target/testbed/packs/starter
    cd crates/frame/tests/data && python3 record.py > resample.txt
    cd crates/onnx/tests/data && python3 make.py
