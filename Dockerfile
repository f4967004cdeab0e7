# syntax=docker/dockerfile:1
# CPU: docker build -t nero-dashboard .        CUDA: docker build -t nero-dashboard:cuda --build-arg KIND=cuda .
# See docs/operations.md. The image holds no login, no password and no image of a patient.
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
ARG KIND=cpu
ARG CPU_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
RUN python -m venv /opt/nero
COPY requirements.txt ./
# As make app CPU=1 and make app: the locked versions; torch and torchvision of one index.
RUN case "${KIND}" in \
      cpu) sed -nE 's/^(torch|torchvision)(==[^ ;]+).*/\1\2/p' requirements.txt > torch.txt; \
        /opt/nero/bin/pip install --no-deps --index-url "${CPU_INDEX}" -r torch.txt; \
        grep -vE '^(nvidia|cuda)-|^triton==' requirements.txt > locked.txt ;; \
      cuda) cp requirements.txt locked.txt ;; \
      *) echo "Expected KIND cpu or cuda; found ${KIND}." >&2; exit 1 ;; \
    esac; \
    /opt/nero/bin/pip install -r locked.txt
COPY LICENSE NOTICE README.md pyproject.toml ./
COPY .streamlit .streamlit
COPY assets assets
COPY dashboard dashboard
COPY nero_core nero_core
# psycopg is that of requirements-dev.txt, which locks the extra.
COPY requirements-dev.txt ./
RUN /opt/nero/bin/pip install -c requirements-dev.txt 'psycopg[binary]' && /opt/nero/bin/pip install --no-deps .

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="NERO Dashboard" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 nero && useradd --uid 10001 --gid nero --home-dir /data --no-create-home nero \
    && install --directory --owner nero --group nero --mode 700 /data
COPY --from=build /opt/nero /opt/nero
# The root may be read-only: what is written goes to /data, which lasts, and to /tmp.
ENV PATH=/opt/nero/bin:$PATH HOME=/data NERO_HOME=/data TMPDIR=/tmp MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 NERO_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=25s --start-period=120s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/readyz', timeout=22)"]
# Without a login file it refuses other machines; see compose.yaml.
ENTRYPOINT ["nero", "dashboard", "--host", "0.0.0.0", "--port", "8501"]
CMD ["--login", "/run/secrets/login.toml"]
