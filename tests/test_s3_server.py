"""The servers that tests take for S3 promise what commits rest on: of two writers of one object, one wins."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.s3_server import S3Server, serving_s3, versitygw

WRITERS = 16


@pytest.fixture(scope="module", params=["versitygw", "moto"])
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    program, reason = versitygw() if request.param == "versitygw" else (None, "")
    if reason:
        pytest.skip(reason)
    with serving_s3(program) as made:
        yield made


def test_of_writers_of_one_object_one_alone_wins(server: S3Server) -> None:
    bucket = server.new_bucket()

    def write(number: int) -> int:
        try:
            server.client().put_object(Bucket=bucket, Key="log/0.json", Body=bytes([number]), IfNoneMatch="*")
        except ClientError as refused:
            return int(refused.response["ResponseMetadata"]["HTTPStatusCode"])
        return number + 1000

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = sorted(pool.map(write, range(WRITERS)))
    *refused, won = answers
    # 409: another write of it was under way, and has won or failed.
    assert set(refused) <= {409, 412}
    assert server.client().get_object(Bucket=bucket, Key="log/0.json")["Body"].read() == bytes([won - 1000])


def test_an_upload_in_parts_is_seen_when_it_is_complete(server: S3Server) -> None:
    bucket, client = server.new_bucket(), server.client()
    whole = {"Bucket": bucket, "Key": "a/b.parquet"}
    upload = {**whole, "UploadId": client.create_multipart_upload(**whole)["UploadId"]}
    sent = [client.upload_part(**upload, PartNumber=n, Body=bytes([n]) * 5 * 2**20)["ETag"] for n in (1, 2)]
    assert server.keys(bucket) == []
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(sent, 1)]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert server.keys(bucket) == ["a/b.parquet"]
    assert client.head_object(**whole)["ContentLength"] == 10 * 2**20


def test_an_object_of_the_same_bytes_keeps_its_tag_and_one_of_others_does_not(server: S3Server) -> None:
    bucket, client = server.new_bucket(), server.client()
    tags = [client.put_object(Bucket=bucket, Key="x", Body=body)["ETag"] for body in (b"one", b"one", b"two")]
    assert tags[0] == tags[1] != tags[2]


def test_a_server_that_comes_back_has_what_was_written() -> None:
    program, reason = versitygw()
    if program is None:
        pytest.skip(reason)
    with serving_s3(program) as server:
        bucket = server.new_bucket()
        server.client().put_object(Bucket=bucket, Key="x", Body=b"x")
        server.stop()
        server.start()
        assert server.keys(bucket) == ["x"]


def test_a_wrong_key_is_refused() -> None:
    program, reason = versitygw()
    if program is None:
        pytest.skip(reason)
    with serving_s3(program) as server:
        bucket = server.new_bucket()
        server.secret = "another"
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            server.keys(bucket)
