# syntax=docker/dockerfile:1
# One image for all services of Stadtfunk. What is installed has the hashes of requirements.image.lock (`make lock`).
# Python is that of the lock: a newer one needs a new lock.
FROM python:3.11.15-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python -m venv /opt/stadtfunk
# Dependencies first: they change less often than the code. Wheels only, so nothing is compiled.
COPY requirements.image.lock ./
RUN /opt/stadtfunk/bin/pip install --require-hashes --only-binary :all: -r requirements.image.lock
COPY pyproject.toml README.md LICENSE ./
COPY alerts alerts
COPY config config
COPY decoders decoders
COPY ingest ingest
COPY portal portal
COPY stadtfunk stadtfunk
COPY storage storage
# What only builds and installs stays behind.
RUN /opt/stadtfunk/bin/pip install --no-deps --no-build-isolation . \
    && /opt/stadtfunk/bin/python -m compileall -q /opt/stadtfunk/lib \
    && /opt/stadtfunk/bin/pip uninstall --yes setuptools pip

FROM python:3.11.15-slim-bookworm
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Stadtfunk" \
    org.opencontainers.image.description="LoRaWAN sensor ingestion for cities" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}"
ENV PATH=/opt/stadtfunk/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
# The folders become volumes, which take their owner from here.
RUN groupadd --system --gid 10001 stadtfunk \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin stadtfunk \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/stadtfunk /var/lib/stadtfunk/charging
COPY --from=build /opt/stadtfunk /opt/stadtfunk
WORKDIR /var/lib/stadtfunk
USER 10001:10001
EXPOSE 8080 8081
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/healthz'); assert c.getresponse().status == 200"]
CMD ["stadtfunk", "run"]
