# One image for Airflow, Spark, MLflow and the command line; `make image` builds it (BuildKit).
# Pin the base by its digest with `make image BUILD="--build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:…"`.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# The system: Java, init, names for any user id, and curl, with which health checks start neither Python nor a JVM.
FROM ${PYTHON_IMAGE} AS system
# Java's package links manual pages, whose folder slim images leave out.
RUN mkdir -p /usr/share/man/man1 && \
    apt-get update && \
    apt-get install -y --no-install-recommends curl libgomp1 libnss-extrausers openjdk-17-jre-headless tini && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log && \
    sed -i 's/^passwd:.*/passwd: files extrausers/' /etc/nsswitch.conf && \
    ln -s /tmp/.nightshift-passwd /var/lib/extrausers/passwd && \
    groupadd --gid 50000 nightshift && \
    useradd --uid 50000 --gid 50000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nightshift && \
    # A user id without a name has group 0: it owns the home, too.
    install -d -o nightshift -g 0 -m 0770 /var/lib/nightshift && \
    # Where Spark spills and shuffles: any user of the container, as in /tmp.
    install -d -m 1777 /var/tmp/spark && \
    # No program gives its caller the rights of another user.
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# The packages: a layer that stays as it is until the lock changes.
FROM system AS packages
WORKDIR /opt/nightshift
COPY requirements.lock requirements-runtime.lock ./
# uv installs, setuptools builds what has no wheel; neither is in the image. Both are pinned with the tests' tools.
RUN --mount=type=cache,target=/root/.cache \
    awk '/^[^ ]/ {kept = /^(setuptools|uv)==/} kept' requirements.lock >/tmp/tools.lock && \
    python3 -m venv /opt/tools && \
    /opt/tools/bin/python -m pip install --quiet --require-hashes -r /tmp/tools.lock
COPY image/compile.py image/trim.py image/
RUN --mount=type=cache,target=/root/.cache \
    apt-get update && apt-get install -y --no-install-recommends binutils && \
    python3 -m venv --without-pip .venv && \
    PYTHONPATH=$(echo /opt/tools/lib/python3.*/site-packages) UV_LINK_MODE=copy /opt/tools/bin/uv pip install --quiet \
        --python .venv/bin/python --require-hashes --no-build-isolation -r requirements-runtime.lock && \
    rm -f .venv/.lock && \
    python3 image/trim.py .venv/lib/python3.*/site-packages && \
    AIRFLOW_HOME=/tmp/airflow .venv/bin/python image/compile.py

# JARs and class-data archive, recorded at the paths and with the Java of the final image.
FROM packages AS toolchain
COPY jars.lock ./
COPY nightshift nightshift
# Those that `make setup` fetched, if it ran in this checkout; else Spark's Ivy fetches them. Verified in both cases.
# A folder that may be missing needs a pattern, and a file beside it.
COPY jars.lock .ven[v]/nightshift/jars/*.jar .venv/nightshift/jars/
RUN rm .venv/nightshift/jars/jars.lock && \
    mkdir use_cases && \
    .venv/bin/python -m nightshift setup && \
    test -s .venv/nightshift/classes.jsa && \
    chmod -R u=rwX,go=rX .venv/nightshift

# The project, importable for each Python of the image, and compiled: the root is read-only when it runs.
FROM packages AS project
COPY . .
RUN PYTHONPATH=$(echo /opt/tools/lib/python3.*/site-packages) /opt/tools/bin/uv pip install --quiet \
        --python .venv/bin/python --no-deps --no-build-isolation --no-index -e . && \
    rm -rf *.egg-info && \
    mkdir /out && \
    cp -a --parents .venv/bin/nightshift .venv/lib/python3.*/site-packages/*nightshift* /out && \
    tar --create --exclude=./.venv . | tar --extract --directory /out && \
    chmod -R u=rwX,go=rX /out && \
    .venv/bin/python -m compileall -q -s /out -p /opt/nightshift /out

FROM system
COPY --from=packages /opt/nightshift/.venv /opt/nightshift/.venv
COPY --from=toolchain /opt/nightshift/.venv/nightshift /opt/nightshift/.venv/nightshift
COPY --from=project /out /opt/nightshift
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nightshift" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# What the ledger records as the version of the code, in place of the Git folder.
RUN echo "${REVISION}" >/opt/nightshift/.code-version
ENV PATH=/opt/nightshift/.venv/bin:$PATH \
    HOME=/tmp \
    LC_ALL=C.UTF-8 \
    NIGHTSHIFT_HOME=/var/lib/nightshift
WORKDIR /opt/nightshift
USER nightshift
ENTRYPOINT ["tini", "--", "/opt/nightshift/image/entrypoint.sh"]
CMD ["nightshift", "--help"]
