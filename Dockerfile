# Targets, the last one by default (docs/containers.md):
#   trial     hydra-trial with Hydra and cloudml-hypertune: what goes under a team's own image
#   launcher  the pipeline's steps, the tuning service and the command hydra-vertex
#   app       all of it and the sample app: one image for every step and every trial
# Any base of Debian or Ubuntu: --build-arg BASE=nvidia/cuda:…-runtime-…, or one of Vertex AI's prebuilt training images.
# Give it with its digest for the same image each time: python:3.11-slim@sha256:…
ARG BASE=python:3.11-slim

FROM ${BASE} AS base
USER 0:0
SHELL ["/bin/sh", "-eu", "-c"]
# Only a base without Python, such as CUDA's runtime, gets that of its distribution, whose version the base decides.
# hadolint ignore=DL3008
RUN if ! python3 -c "import ensurepip, venv"; then \
      apt-get update; \
      apt-get install --yes --no-install-recommends python3 python3-venv; \
      rm -rf /var/lib/apt/lists/*; \
    fi
# Any user of group 0 can write here, as platforms require that choose the user themselves (OpenShift).
RUN install --directory --mode=0775 --group=0 /home/trainer /opt/venv
# A user without an entry in /etc/passwd needs both: HOME for caches, LOGNAME for getpass.getuser().
ENV HOME=/home/trainer LOGNAME=trainer PYTHONUNBUFFERED=1 PATH=/opt/venv/bin:$PATH
USER 1000:0
WORKDIR /home/trainer

FROM base AS requirements-trial
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The packages of the base stay importable, such as the PyTorch of a prebuilt image.
RUN python3 -m venv --system-site-packages /opt/venv
COPY requirements/trial.txt /src/requirements/
RUN pip install --requirement /src/requirements/trial.txt

# The package is separate from its requirements, so that a change of the source is a layer of a few megabytes.
FROM requirements-trial AS package
COPY pyproject.toml README.md LICENSE /src/
COPY components /src/components
COPY pipelines /src/pipelines
# The wheel has the JSON Schemas of the documentation.
COPY docs/schemas /src/docs/schemas
RUN pip install --no-deps --prefix /home/trainer/package /src

FROM base AS trial
ARG BASE
# `make image` passes the version from pyproject.toml.
ARG VERSION=unknown
LABEL org.opencontainers.image.title=hydra-vertex-trial \
      org.opencontainers.image.description="Runs a Hydra app as a trial of Vertex AI hyperparameter tuning." \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.base.name=${BASE}
COPY --from=requirements-trial /opt/venv /opt/venv
COPY --from=package /home/trainer/package /opt/venv
ENTRYPOINT ["hydra-trial"]
CMD ["--help"]

FROM requirements-trial AS requirements-launcher
COPY requirements/image.txt /src/requirements/
RUN pip install --requirement /src/requirements/image.txt

FROM base AS launcher
ARG BASE
ARG VERSION=unknown
LABEL org.opencontainers.image.title=hydra-vertex-launcher \
      org.opencontainers.image.description="The steps of hydra-vertex's pipeline, and the tuning service." \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.base.name=${BASE}
COPY --from=requirements-launcher /opt/venv /opt/venv
COPY --from=package /home/trainer/package /opt/venv
ENTRYPOINT ["hydra-trial"]
CMD ["--help"]

FROM requirements-launcher AS requirements-app
COPY requirements/run.txt /src/requirements/
RUN pip install --requirement /src/requirements/run.txt

FROM base AS app
ARG BASE
ARG VERSION=unknown
LABEL org.opencontainers.image.title=hydra-vertex \
      org.opencontainers.image.description="hydra-vertex with its sample app." \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.base.name=${BASE}
COPY --from=requirements-app /opt/venv /opt/venv
COPY --from=package /home/trainer/package /opt/venv
COPY trainer /app/trainer
# Hydra writes its outputs into the working directory.
RUN ln -s /app/trainer trainer
ENTRYPOINT ["hydra-trial"]
CMD ["--help"]
