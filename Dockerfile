# SPDX-License-Identifier: Apache-2.0
# The product's image. BASE may be any Debian 12 root, for builds where no registry answers.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE} AS build
WORKDIR /src
COPY . .
RUN SLUICE_BUILD_ONLY=1 deploy/quickstart.sh

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libsimdjson14 libyaml-cpp0.7 libprometheus-cpp-core1.0 \
      libspdlog1.10 libfmt9 libssl3 \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /etc/sluice && install -d -m 0700 -o 65532 -g 65532 /run/sluice
COPY --from=build /src/build/release/sluice /usr/bin/sluice
COPY --from=build /src/config/own-nodes.yaml /etc/sluice/sluice.yaml
USER 65532:65532
EXPOSE 4545 9464
HEALTHCHECK --interval=10s --timeout=3s CMD ["/usr/bin/sluice", "healthcheck"]
ENTRYPOINT ["/usr/bin/sluice"]
CMD ["run", "-c", "/etc/sluice/sluice.yaml"]
