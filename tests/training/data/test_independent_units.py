"""The rows of one customer are one unit, on every machine and in every process."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from nightshift.errors import NightshiftError
from training.data.dataset import prepare
from training.data.independent_units import units_of
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods


def expected(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.chunked_array([["b", "a"], ["b"]]), ["b", "a", "b"]),
        (pa.chunked_array([pa.array([7, 12], pa.int64())]), ["7", "12"]),
        (pa.chunked_array([pa.array(["b", "a"]).dictionary_encode()]), ["b", "a"]),
    ],
    ids=["text in chunks", "numbers", "categories"],
)
def test_a_unit_is_the_hash_of_its_text(values, texts):
    assert units_of(pa.table({"client": values}), "client", "test").tolist() == [expected(text) for text in texts]


def test_batch_dates_need_no_column():
    assert units_of(pa.table({"batch_date": [1]}), "batch_date", "test") is None


def test_many_customers_have_units_of_their_own():
    found = units_of(pa.table({"client": pa.array(np.arange(30_000).repeat(2))}), "client", "test")
    assert len(np.unique(found)) == 30_000
    assert (found[::2] == found[1::2]).all()


def test_a_row_without_its_unit_is_refused():
    with pytest.raises(
        NightshiftError, match=r"client \(training\.independent_unit .* missing in 1,000 of 3,000 test rows.*fix"
    ):
        units_of(pa.table({"client": ["a", None, "b"] * 1000}), "client", "test")


def test_the_rows_of_each_period_have_the_units_of_a_key_or_of_a_column_that_is_no_feature(toy, make_rows):
    for unit in ("id", "region"):
        job = toy(independent_unit=unit, validation_days=8, test_days=1)
        dataset = prepare(
            Rows.complete(make_rows()), job.use_case, job.catalog["gold.features"], Periods.of(job.use_case, job.dates)
        )
        for name, part in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test)):
            assert part.units.tolist() == [expected(str(each)) for each in dataset.tables[name][unit].to_pylist()]
        some = dataset.test.of(dataset.test.labels > 0.5)
        assert len(some) == len(some.units) == dataset.test.labels.sum()
