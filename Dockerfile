# The image of one step or service: `buildah build --build-arg STEP=train .` The stages up to `programs` are the same for all of them, so
# that their layers are made once; `./dev images` builds all. What a step's image is made from is known to `faultline affected`.

# Debian 12, whose libraries go into the images, with Rust, gcc and python3.
ARG BUILDER=docker.io/library/rust:1.95-bookworm

# hadolint ignore=DL3006
FROM ${BUILDER} AS builder
# Addresses are relocated in fewer bytes, and functions that are the same are kept once: a tenth of a program.
ENV RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all" \
    CARGO_TARGET_DIR=/target
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN python3 -m pip --version || (apt-get update && apt-get install --yes --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*)
RUN command -v cargo-chef || cargo install --debug --locked cargo-chef@0.1.77
RUN command -v cargo-cyclonedx || cargo install --debug --locked cargo-cyclonedx@0.5.9
WORKDIR /source

FROM builder AS recipe
COPY . .
RUN cargo chef prepare --recipe-path /recipe.json

# What the programs stand on, compiled: this layer lasts until a manifest or Cargo.lock changes.
FROM builder AS dependencies
COPY --from=recipe /recipe.json /recipe.json
RUN cargo chef cook --profile image --locked --package 'faultline-step-*' --package 'faultline-service-*' --bins --recipe-path /recipe.json

FROM dependencies AS programs
COPY . .
RUN cargo build --profile image --locked --package 'faultline-step-*' --package 'faultline-service-*' --bins
RUN scripts/image-roots /target/image /images

FROM scratch
ARG STEP
COPY --from=programs /images/${STEP}/ /
ARG VERSION=unknown
ARG REVISION=unknown
ARG CODE_DIGEST=unknown
LABEL org.opencontainers.image.title="faultline/${STEP}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0" \
    dev.faultline.code-digest="${CODE_DIGEST}"
ENV PATH=/usr/local/bin
USER 65532:65532
ENTRYPOINT ["/step"]
