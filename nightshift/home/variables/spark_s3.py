"""How Spark reaches an object store that speaks S3: the variables of the store → Spark's configuration.

No credentials are among it: Spark shows its configuration in pages, event logs and command lines. Drivers and executors
look for credentials themselves, where the store's other libraries look for them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from nightshift.storage.object_store import named_endpoint

SCHEME = "s3://"
# In the order of Amazon's own libraries, so that Spark and delta-rs use one key where a machine offers several: the
# variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; a pod's token; ~/.aws; a container's or
# instance's role.
_PROVIDERS = (
    "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider",
    "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider",
    "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider",
    "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider",
)
# Spark itself copies the variables into these, which go to all executors; what is said here counts after that.
_COPIES = (
    *("fs.s3a.access.key", "fs.s3a.secret.key", "fs.s3a.session.token"),
    *(f"fs.{scheme}.aws{part}" for scheme in ("s3", "s3n") for part in ("AccessKeyId", "SecretAccessKey")),
)
# A store has no renames: by them, as Spark does it, each file would be copied twice, and of a task that is killed
# meanwhile a part could stay beside what its second try writes. This committer uploads files under their final names,
# and completes the uploads when the job ends, of one try of each task alone; before that nobody sees them.
_COMMITTER = {
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
    "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "spark.hadoop.fs.s3a.committer.name": "magic",
}
# A store that is away or throttles is asked again for a minute and a half at least; after that the whole task begins
# again.
_PATIENCE = {"spark.hadoop.fs.s3a.retry.limit": "8", "spark.hadoop.fs.s3a.connection.establish.timeout": "15s"}
# Without a region no request can be signed; a store that is not Amazon's takes any.
_ANY_REGION = "us-east-1"


def is_needed(locations: Iterable[str | None]) -> bool:
    """Whether one of these settings names a bucket."""
    return any(location is not None and location.startswith(SCHEME) for location in locations)


def pairs() -> dict[str, str]:
    """Spark's configuration for the store that the environment names; Amazon's own where it names none."""
    found = {
        "spark.hadoop.fs.s3a.aws.credentials.provider": ",".join(_PROVIDERS),
        # Parts of files wait for their upload where Spark spills; Hadoop reads the variable on each machine.
        "spark.hadoop.fs.s3a.buffer.dir": "${env.SPARK_LOCAL_DIRS:-${hadoop.tmp.dir}}/s3a",
        **{f"spark.hadoop.{name}": "" for name in _COPIES},
        **_COMMITTER,
        **_PATIENCE,
    }
    endpoint = named_endpoint()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint:
        is_encrypted = urlsplit(endpoint).scheme != "http"
        found |= {
            "spark.hadoop.fs.s3a.endpoint": endpoint,
            # Such a server seldom has a name for each bucket.
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "true" if is_encrypted else "false",
        }
    if endpoint or region:
        found["spark.hadoop.fs.s3a.endpoint.region"] = region or _ANY_REGION
    return found
