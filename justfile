# Everything that is done to this repository, by name. `just` alone lists it.

export RUSTDOCFLAGS := "-D warnings"

# Cargo features that the release binary and the benches are built with: `just features=jpeg-simd peer`.
features := ""

default:
    @just --list

# What CI runs.
ci: format-check lint docs test test-simd deploy-check smoke conformance contract browser

# Rewrite the sources in the project's format.
format:
    cargo fmt --all
    rustfmt --edition 2024 fuzz/fuzz_targets/*.rs fuzz/seeds/src/main.rs

format-check:
    cargo fmt --all -- --check
    rustfmt --edition 2024 --check fuzz/fuzz_targets/*.rs fuzz/seeds/src/main.rs

# Warnings are errors here, not on the desk.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

docs:
    cargo doc --workspace --no-deps --document-private-items --locked

# The README's test command.
test:
    cargo test --workspace

# The tests of the decoders once more, with libjpeg's SIMD code; on x86 that needs nasm.
test-simd:
    cargo test -p frame --features jpeg-simd

# The release binary, set up from nothing and used once, as a newcomer would.
smoke:
    cargo build --release --locked
    python3 deploy/smoke.py target/release/livegate

# What is in deploy/, with the tools that read it; and requests through Envoy to the release binary.
deploy-check:
    python3 deploy/check.py
    cargo build --release --locked
    python3 deploy/envoy/try.py target/release/livegate
    rm -rf target/gpu
    DEVICES=cpu deploy/gpu/prepare.sh target/release/livegate target/gpu
    target/gpu/check.sh --device cpu --set 'batching.devices=["cpu"]' --seconds 0.5 --batch 1,2 --concurrency 1,8 --out target/gpu/out

# Debian, as root; builds Livegate in it, where `--binary FILE` takes one that is there. Needs 6 GB of disk.
# Every step of the Dockerfile, and the image at work, where there is no container engine.
exercise-dockerfile *options:
    command -v buildah mmdebstrap > /dev/null || (apt-get update -q && apt-get install -y -q --no-install-recommends buildah mmdebstrap)
    python3 deploy/exercise-dockerfile.py {{options}}

# Real clients against the release binary, direct and behind nginx.
conformance:
    cargo build --release --locked
    python3 crates/livegate/tests/conformance/run.py target/release/livegate

# The pages in Debian's Chromium, against the release binary; screenshots in target/screenshots.
browser *tests:
    cargo build --release --locked
    tests/browser/run target/release/livegate {{tests}}

# The release binary against its own /openapi.json, with requests that schemathesis makes up: about a minute.
contract *options:
    cargo build --release --locked
    python3 crates/livegate/tests/contract/run.py target/release/livegate {{options}}

# Write docs/openapi.json anew, after a change of the API that is meant; review the diff.
openapi:
    mkdir -p target
    cargo run --quiet -- openapi > target/openapi.json
    mv target/openapi.json docs/openapi.json

# Record the answers anew that /openapi.json shows as examples, then the document itself; review the diff.
openapi-examples:
    LIVEGATE_RECORD_EXAMPLES=1 cargo test -p livegate --test program the_examples_are_what_is_answered
    just openapi

# Whether the time of a refusal tells which app ids exist: in the process, and over loopback HTTP.
timing:
    cargo bench -p accounts --bench identify
    cargo build --release --locked
    python3 crates/livegate/tests/conformance/timing.py target/release/livegate

# How long every step takes, in about five minutes; rewrites the table in docs/PERFORMANCE.md.
bench-table *options:
    python3 benches/table.py --features "{{features}}" {{options}}

# Livegate and the peer (../shared/reference/peer) side by side, and their ratios; installs wrk where it is missing.
peer *options:
    cargo build --release --locked --features "{{features}}"
    python3 benches/peer.py target/release/livegate --features "{{features}}" {{options}}

# How the service behaves at 4 times what it can do, for half an hour at 80%, and when it is asked to end under load.
operate *options:
    cargo build --release --locked --features "{{features}}"
    cargo build --release --locked -p benches --example pace
    python3 benches/operate.py target/release/livegate overload {{options}}
    python3 benches/operate.py target/release/livegate endurance {{options}}
    python3 benches/operate.py target/release/livegate end {{options}}

# What reads bytes from strangers, fed with anything, each part of it for so long (needs clang and nasm).
fuzz seconds="600":
    fuzz/run jpeg {{seconds}}
    JPEG_SIMD=1 fuzz/run jpeg {{seconds}}
    fuzz/run picture {{seconds}}
    fuzz/run onnx_model {{seconds}}
    fuzz/run body {{seconds}}

# Licences, sources and fences of dependencies; needs cargo-deny.
deny:
    cargo deny --all-features check bans licenses sources

# Record again what OpenCV, onnx and the reference give (needs Python with the packages that the
# scripts name, and ../shared).
record:
    LIVEGATE_SAVE_DRAWN_FACE=$PWD/target/drawn.png cargo test -p model-pack drawn_face
    python3 models/record.py ../shared target/drawn.png target/testbed/packs/starter
    cd crates/frame/tests/data && python3 record.py > resample.txt
    cd crates/onnx/tests/data && python3 make.py
