# Livegate on the CPU, with all files that it needs: no network at run time.
#
#     docker build -t livegate --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
#     docker build -t livegate:slim --build-arg DEVICES=cpu --build-arg DEVICE=cpu .    # without OpenVINO: 133 MB less
#     docker build -t livegate:starter --build-arg PACKS=starter .
#
# Weights are not in the repository: the stage `parts` fetches ONNX Runtime, packs and the sample portrait with
# `livegate setup`, by sha256. Building needs the network, an image does not; deploy/README.md says how an image gets to
# machines without one. `just exercise-dockerfile` carries out every step without a container registry.
#
# Licences in the image: Livegate Apache-2.0, ONNX Runtime MIT, OpenVINO and oneTBB (x86-64 only) Apache-2.0, packs as
# models/README.md says (`minifas-128` was trained on data with non-commercial terms, and is installed only by name), the
# portrait in the public domain, and Debian's packages under their own. `livegate packs show` and each pack.toml name
# licence and origin of every file; LICENSE and models/README.md are in /usr/share/doc/livegate.

ARG RUST_VERSION=1.95.0
ARG DEBIAN=bookworm

# ---- the program
FROM docker.io/library/rust:${RUST_VERSION}-${DEBIAN} AS program
# Use the version above; rust-toolchain.toml would have rustup fetch another.
ARG RUST_VERSION
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION}
WORKDIR /src
COPY . .
# The commit, for /version: there is no .git here.
ARG REVISION=""
# The builder keeps what cargo fetched and built, outside the layers, so that a change compiles only what it touches.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    BUILD_COMMIT="$REVISION" cargo build --locked --release --package livegate \
 && mkdir /out && strip --strip-debug -o /out/livegate target/release/livegate

# ---- its files
FROM docker.io/library/debian:${DEBIAN}-slim AS parts
# pip and npm fetch packages; packs from Git hosts come by HTTPS.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates npm python3-pip \
 && rm -rf /var/lib/apt/lists/*
COPY --from=program /out/livegate /usr/local/bin/livegate
# Names of packs. By default `silent-face` and `starter`, if they can be fetched. A named pack that cannot be fetched
# ends the build.
ARG PACKS=""
# Devices whose libraries are installed: cpu, openvino (x86-64 only), or both. By default both, or the one that can be
# fetched. A named device whose libraries cannot be fetched ends the build.
ARG DEVICES=""
# A server with the Git hosts' files, for networks that do not reach the hosts (`livegate setup --help`).
ARG MIRROR=""
RUN set -eu; set --; \
    for pack in $PACKS; do set -- "$@" --pack "$pack"; done; \
    for device in $DEVICES; do set -- "$@" --device "$device"; done; \
    if [ -n "$MIRROR" ]; then set -- "$@" --mirror "$MIRROR"; fi; \
    livegate setup --home /opt/livegate "$@"; \
    livegate setup --home /opt/livegate "$@" --offline; \
    chmod -R a+rX,go-w /opt/livegate

# ---- the image
FROM docker.io/library/debian:${DEBIAN}-slim
# Certificates of the public authorities: for `rediss://` and traces over HTTPS.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 10001 -g 10001 -m 700 /var/lib/livegate
COPY LICENSE models/README.md /usr/share/doc/livegate/
COPY --from=parts /opt/livegate /opt/livegate
COPY --from=program /out/livegate /usr/local/bin/livegate
ARG DEVICE="auto-cpu"
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="Livegate" \
      org.opencontainers.image.description="Self-hosted face liveness behind the Kairos liveness endpoint" \
      org.opencontainers.image.licenses="Apache-2.0 AND MIT" \
      org.opencontainers.image.documentation="docs/OPERATIONS.md in the sources" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Livegate fetches nothing at run time. It writes only apps and their counts, on a volume at /var/lib/livegate (not
# needed with Valkey); the rest may be read-only.
ENV LIVEGATE_HOME=/opt/livegate \
    LIVEGATE_OFFLINE=1 \
    LIVEGATE_DEVICE=${DEVICE} \
    LIVEGATE_LISTEN=0.0.0.0:8080 \
    LIVEGATE_ADMIN_LISTEN=0.0.0.0:9464 \
    LIVEGATE_ACCOUNTS_DATABASE=/var/lib/livegate/accounts.db
# A number, which shows Kubernetes that it is not root.
USER 10001:10001
WORKDIR /var/lib/livegate
VOLUME /var/lib/livegate
# 8080 is for callers. 9464 is for operators; do not publish it.
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
# Requests /readyz of the configured listener. Kubernetes ignores this and has probes of its own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["livegate", "health"]
ENTRYPOINT ["livegate"]
CMD ["serve"]
