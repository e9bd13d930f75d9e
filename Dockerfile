# One image for all pipeline steps and all trials: tuning, selection, retraining. It contains the app to train. Build it:
#   make image TAG=REGION-docker.pkg.dev/PROJECT/REPO/train:1
# For GPUs: --build-arg BASE=nvidia/cuda:…-runtime-… (any base with Python 3.11) and the CUDA build of torch.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
# The pinned dependencies are a separate layer, so that a change of the source does not reinstall them.
ARG REQUIREMENTS=run
COPY requirements/ /src/requirements/
RUN pip install --requirement /src/requirements/${REQUIREMENTS}.txt
COPY pyproject.toml README.md LICENSE /src/
COPY components /src/components
COPY pipelines /src/pipelines
RUN pip install --no-deps /src

FROM ${BASE}
# `make image` passes the version from pyproject.toml.
ARG VERSION=unknown
LABEL org.opencontainers.image.title=hydra-vertex \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0
RUN useradd --create-home --uid 1000 trainer
COPY --from=build /opt/venv /opt/venv
COPY --chown=root:root trainer /app/trainer
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
USER trainer
# Hydra writes its outputs into the working directory.
WORKDIR /home/trainer
RUN ln -s /app/trainer trainer
ENTRYPOINT ["hydra-trial"]
CMD ["--help"]
