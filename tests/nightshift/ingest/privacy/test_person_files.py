"""Files that hold a person, whatever their form and whatever became of their records."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.ingest.privacy.person_files import files_with
from nightshift.storage import Location

ADA = 'Ada "the first" Lovelace, née Byron'


def test_a_value_is_found_in_every_form(tmp_path: Path) -> None:
    quoted = ADA.replace('"', '""')
    (tmp_path / "a.csv").write_text(f'name,city\n"{quoted}",Turin\n"{quoted} Jr.",Turin\n"{quoted},Turin\n')
    spelled = [json.dumps({"name": ADA}), json.dumps({"name": ADA}, ensure_ascii=False), json.dumps({"name": "Ada"})]
    content = "\n".join([*spelled, json.dumps({"deep": [{"name": ADA}]})]).encode()
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(content))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(content)[:-12])
    pq.write_table(pa.table({"n": [1, 2, 3], "name": ["x", ADA, None]}), tmp_path / "c.parquet")
    (tmp_path / "d.csv").write_text("name\nnobody\n")
    (tmp_path / "manifest.json").write_text(json.dumps({"name": ADA}))

    found = files_with(Location.of(tmp_path), ADA)

    # The third line of the CSV is another person; the fourth can't be parsed, and holds the name.
    assert found.pop("cut.jsonl.gz")[:2] == [1, 2]
    assert found == {"a.csv": [2, 4], "b.jsonl.gz": [1, 2, 4], "c.parquet": [2]}


def test_numbers_are_compared_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"phone": 447911}\n{"phone": 4479112}\n{broken 447911\n')
    assert list(files_with(Location.of(tmp_path), "447911").values()) == [[1, 3]]


def test_a_value_is_found_in_what_an_extract_of_a_database_keeps_aside(tmp_path: Path) -> None:
    aside = [json.dumps({"contact": name}, ensure_ascii=False) for name in (ADA, f"{ADA} Jr.", ADA)]
    pq.write_table(pa.table({"id": [1, 2, 3], "extra": aside}), tmp_path / "a.parquet")
    assert list(files_with(Location.of(tmp_path), ADA).values()) == [[1, 3]]


@pytest.mark.parametrize("depth", [900, 100_000])
def test_lines_that_are_nested_too_deeply_to_be_parsed_are_searched_as_text(tmp_path: Path, depth: int) -> None:
    nested = ["[" * depth + json.dumps(text) + "]" * depth for text in (ADA, "née")]
    (tmp_path / "a.jsonl").write_text("\n".join([*nested, json.dumps({"name": ADA})]))
    assert list(files_with(Location.of(tmp_path), ADA).values()) == [[1, 3]]


@pytest.mark.parametrize(
    "kind",
    [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.json_()],
    ids=str,
)
def test_text_is_found_however_parquet_lays_it_out(tmp_path: Path, kind: pa.DataType) -> None:
    texts = pa.array(["x", ADA, None])
    column = texts.dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(texts.to_pylist(), kind)
    odd = pa.array([[1, 2]] * 3, pa.list_(pa.int8(), 2))
    pq.write_table(pa.table({"odd": odd, "name": column}), tmp_path / "a.parquet")
    assert pq.read_schema(tmp_path / "a.parquet").field("name").type == kind
    assert list(files_with(Location.of(tmp_path), ADA).values()) == [[2]]
