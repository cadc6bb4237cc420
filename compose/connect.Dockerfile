# Kafka Connect with Debezium's connectors: the versions and checksums of scripts/neighbourhood.
FROM maven:3.9.9-eclipse-temurin-17 AS plugins
COPY scripts/neighbourhood/connectors.xml scripts/neighbourhood/connectors.sha256 /pins/
RUN mvn --batch-mode -f /pins/connectors.xml -DoutputDirectory=/archives dependency:copy && \
    cd /archives && sha256sum --check --strict /pins/connectors.sha256 && mkdir /plugins && \
    for archive in *.tar.gz; do tar -xzf "$archive" -C /plugins || exit 1; done

FROM apache/kafka:4.3.1
COPY --from=plugins /plugins /opt/plugins
COPY compose/connect.properties /etc/connect.properties
ENV LOG_DIR=/tmp/logs KAFKA_HEAP_OPTS="-Xms256m -Xmx1g"
CMD ["/opt/kafka/bin/connect-distributed.sh", "/etc/connect.properties"]
