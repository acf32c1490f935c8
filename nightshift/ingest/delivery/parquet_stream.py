"""Parquet files as streams: a megabyte of each column at a time, however large their row groups are."""

from __future__ import annotations

from typing import IO

import pyarrow.parquet as pq

from nightshift.storage.files import PIECE


def parquet_stream(file: IO[bytes], is_checked: bool = False) -> pq.ParquetFile:
    """A Parquet file, open for reading.

    Args:
        is_checked: whether the checksums of pages are, where the file has any.
    """
    # Arrow would fetch whole row groups ahead, and a file may be a single one.
    return pq.ParquetFile(file, buffer_size=PIECE, pre_buffer=False, page_checksum_verification=is_checked)
