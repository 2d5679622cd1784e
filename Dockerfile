# Skryba in a container. RTP needs host networking: docker run --network host; see compose.yaml.
# Built in two stages: the second has neither compiler nor installer, and the media engine is compiled already.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv --copies /opt/skryba
COPY requirements/run.txt requirements/run.txt
RUN /opt/skryba/bin/pip install --no-cache-dir --only-binary :all: -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/skryba/bin/pip install --no-cache-dir --no-deps .
# Code for any processor of this architecture, not for the one that happens to build the image.
ENV NUMBA_CPU_NAME=generic NUMBA_CACHE_DIR=/opt/skryba/cache
RUN /opt/skryba/bin/python -c 'from skryba.media import loop; from skryba.recorder import demux, seal; loop.warm(); demux.warm(); seal.warm()' \
    && /opt/skryba/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 skryba \
    && useradd --uid 10001 --gid skryba --home-dir /data --no-create-home --shell /usr/sbin/nologin skryba \
    && install --directory --owner skryba --group skryba --mode 0750 /data
COPY --from=build --chown=root:root /opt/skryba /opt/skryba
# Numba asks whether it could write here before it reads.
RUN chown --recursive skryba:skryba /opt/skryba/cache
ENV PATH=/opt/skryba/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_DIR=/opt/skryba/cache
USER 10001:10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --retries=3 CMD ["skryba", "health"]
ENTRYPOINT ["skryba"]
CMD ["run"]
