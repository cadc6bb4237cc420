# The bridge: built in one image, run in another that holds the program and its libraries only.
FROM debian:12.12-slim AS build
WORKDIR /src
COPY scripts/lib.sh scripts/lib.sh
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# The list of packages is the one that the scripts install.
RUN . scripts/lib.sh && apt-get update && \
    apt-get install --yes --no-install-recommends $BUILD_PACKAGES
COPY . .
RUN autoreconf --force --install && mkdir -p build/image && cd build/image && \
    ../../configure --prefix=/usr && make -j"$(nproc)" && make install-strip DESTDIR=/built

FROM debian:12.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends \
        ca-certificates \
        libavro23 \
        libcurl4 \
        libjansson4 \
        libmariadb3 \
        libmicrohttpd12 \
        libnettle8 \
        libpq5 \
        librdkafka1 \
        libsqlite3-0 \
        libuuid1 \
        libyaml-0-2 \
        zlib1g \
    && rm -rf /var/lib/apt/lists/* && useradd --system --uid 10001 rowstream
COPY --from=build /built/usr/bin/rowstream /usr/bin/rowstream
COPY --from=build /built/usr/share/rowstream /usr/share/rowstream
WORKDIR /etc/rowstream
USER 10001
ENTRYPOINT ["/usr/bin/rowstream"]
CMD ["run"]
