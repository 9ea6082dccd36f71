FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/bl2sm \
    && /opt/bl2sm/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN python -m venv /opt/wheel && /opt/wheel/bin/pip install --no-cache-dir hatchling==1.33.0 \
    && /opt/wheel/bin/python -m hatchling build -t wheel -d /dist \
    && /opt/bl2sm/bin/pip install --no-cache-dir --no-deps /dist/*.whl \
    && /opt/bl2sm/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="baselinker-salesmanago" \
      org.opencontainers.image.description="Orders from BaseLinker to SALESmanago, through Kafka" \
      org.opencontainers.image.licenses="MIT"
RUN pip uninstall --yes pip setuptools wheel || true; useradd --system --uid 10001 --no-create-home bl2sm
COPY --from=build /opt/bl2sm /opt/bl2sm
ENV PATH=/opt/bl2sm/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER bl2sm
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["bl2sm"]
CMD ["--help"]
