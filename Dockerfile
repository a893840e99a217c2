# The operator's image: one program and the certificates of public authorities, no shell, not root.
#
#   docker build -t stagecraft .          (or podman, buildah, kaniko: nothing here is BuildKit's own)
#
# Pin the bases to what you have checked:
#   docker build --build-arg RUST_IMAGE=docker.io/library/rust@sha256:… --build-arg RUNTIME_IMAGE=gcr.io/distroless/cc-debian12@sha256:… .
ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST_IMAGE} AS build
WORKDIR /src
# Manifests and sources only: .dockerignore leaves out what a build does not read.
COPY . .
RUN cargo build --locked --release --package stagecraft --bin stagecraft

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="stagecraft" \
      org.opencontainers.image.description="Kubernetes operator for stages and canary releases of Amazon API Gateway REST APIs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/stagecraft-dev/stagecraft" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /src/target/release/stagecraft /usr/bin/stagecraft
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/stagecraft"]
CMD ["run"]
