"""What a YAML file may hold, and that each fault is one sentence with its file and line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from nightshift.declarations.yaml_form import Declared, load_yaml, read_yaml
from nightshift.errors import NightshiftError
from tests.declaring import Shop

TOTALS = """
version: 2
models:
  - name: shop_totals
    description: Sums.
    config:
      meta: {layer: gold, grain: one row per day, keys: [day]}
    columns:
      - {name: batch_date, data_type: date}
      - {name: day, data_type: date, config: {meta: }}
      - name: total
        data_type: double
        config: {meta: {role: feature, minimum: 0}}
"""


class Part(Declared):
    size: int


class Whole(Declared):
    country: str
    parts: tuple[Part, ...] = ()
    names: Mapping[str, str] = {}


def said(path: Path) -> str:
    with pytest.raises(NightshiftError) as refused:
        load_yaml(Whole, path)
    message = str(refused.value)
    assert str(path) in message
    return message.replace(str(path), "PATH")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "PATH, line 1: must hold a mapping, like `name: value`, and holds nothing"),
        (b"# only a comment\n", "and holds nothing"),
        (b"- country: DE\n", "PATH, line 1: must hold a mapping, like `name: value`, and holds a list"),
        (b"country\n", "and holds text"),
        (b"country: DE\nparts:\n\t- size: 1\n", "PATH, line 3, is not valid YAML: "),
        (b"country: DE\ncountry: FR\n", "PATH, line 1, is not valid YAML: the key country stands twice"),
        (b"country: DE\nparts: *gone\n", "PATH, line 2, is not valid YAML: found undefined alias 'gone'"),
        (b"country: DE\nparts: &all [*all]\n", "PATH, line 2, is not valid YAML: it holds itself, by an alias"),
        (b"a: 1\n--- \nb: 1\n", "PATH, line 2, is not valid YAML: expected a single document"),
        (b"country: 2013-02-30\n", "PATH, line 1, is not valid YAML: 2013-02-30 is no value that there is (day is out"),
        (b"country: !!python/object:os.system x\n", "PATH, line 1, is not valid YAML: could not determine a constr"),
        (b"parts: []\ncountry: M\xfcnchen\n", "PATH, line 2, is not text in UTF-8: save the file as UTF-8"),
        (b"parts: []\ncountry: \x00\n", "PATH, line 2, is not text in UTF-8"),
        (b"[" * 3000, "PATH is not valid YAML: it is nested too deeply"),
        (b"parts:\ncountry: DE\n", "PATH, line 1: parts: must be a list, and is nothing"),
        (b"country: DE\nparts:\n  - size: 1\n  - 5\n", "PATH, line 4: parts.1: must be a mapping, and is int"),
        (b"country: DE\nparts:\n  - size: x\n", "PATH, line 3: parts.0.size: Input should be a valid integer"),
        (
            b"country: DE\nparts:\n  -\n    size: 1\n    sise: 1\n",
            "PATH, line 5: parts.0.sise: there is no such field: is `size` meant?",
        ),
        (b"parts: []\n", "PATH, line 1: country: is missing: it must be given"),
        (b"country: [DE]\n", "PATH, line 1: country: must be text, and is a list"),
        (b"country:\n", "PATH, line 1: country: must be text, and is nothing"),
        # YAML 1.1 takes these for something else.
        (
            b"country: NO\n",
            'PATH, line 1: country: must be text, and YAML reads NO without quotes as false: write "NO"',
        ),
        (b"country: on\n", 'YAML reads on without quotes as true: write "on"'),
        (b"country: 12:30\n", 'must be text, and YAML reads 12:30 without quotes as 750: write "12:30"'),
        (b"country: 010\n", 'must be text, and YAML reads 010 without quotes as 8: write "010"'),
        (
            b"country: DE\nparts: [{size: yes}]\n",
            "PATH, line 2: parts.0.size: must be a number; YAML reads yes without q",
        ),
        (b"country: DE\nparts: [{size: true}]\n", "PATH, line 2: parts.0.size: must be a number"),
        (b"country: 5\n", 'must be text: write "5"'),
        (b"country: DE\nnames: {NO: Norway}\n", "must be text, and is none: put it in quotes (YAML reads yes, no, on"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "whole.yaml"
    path.write_bytes(text)
    assert words in said(path)
    assert "\n" not in said(path).partition("\nNext: ")[0]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffcountry: DE\n".encode(),
        "country: DE\n".encode("utf-16"),
        b"country: &one DE\nparts: [&part {size: 1}, *part, {<<: *part, size: 2}]\n",
        b'country: "NO"\r\n',
    ],
)
def test_what_yaml_allows_is_read(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "whole.yaml"
    path.write_bytes(text)
    assert load_yaml(Whole, path).country in ("DE", "NO")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NightshiftError, match=r"gone.yaml is missing"):
        read_yaml(tmp_path / "gone.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(NightshiftError, match=r"folder.yaml can't be read: .*Is a directory"):
        read_yaml(tmp_path / "folder.yaml")


def test_both_endings_that_dbt_reads_declare_a_table(shop: Shop) -> None:
    for name in ("totals.yaml", "totals.YML", "totals.yml"):
        totals = shop.model({name: TOTALS}).catalog()["gold.totals"]
        assert totals.features[0].minimum == 0
        (shop.models / name).unlink()


def test_what_dbt_passes_over_is_passed_over(shop: Shop) -> None:
    shop.model(
        {"totals.yml": TOTALS, "empty.yml": "", "comment.yaml": "# nothing yet\n", "others.yml": "sources: []\n"}
    )
    assert "gold.totals" in shop.catalog()


def test_meta_counts_where_dbt_takes_it(shop: Shop) -> None:
    # dbt merges `meta` into `config.meta`: a rule that stands there must not be lost.
    old = TOTALS.replace("    config:\n      meta: {layer", "    meta: {layer").replace(
        "config: {meta: {role: feature, minimum: 0}}", "config: {meta: {role: feature}}\n        meta: {minimum: 0}"
    )
    assert shop.model({"totals.yml": old}).catalog()["gold.totals"].features[0].minimum == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models:\n", "line 1: models: must be a list, and is nothing"),
        ("version: 2\nmodels: {name: x}\n", "line 2: models: must be a list, and is a mapping"),
        ("- name: x\n", "line 1: must hold a mapping, like `name: value`, and holds a list"),
        ("models:\n  - x\n", "line 2: models.0: must be a mapping, beginning with `name:`, and is text"),
        ("models:\n  - name: x\n    config:\n", "line 3: models.0.config: must be a mapping, and is nothing"),
        ("models:\n  - name: x\n    config: [a]\n", "line 3: models.0.config: must be a mapping, and is a list"),
        ("models:\n  - {name: x, config: {meta: [a]}}\n", "line 2: models.0.config.meta: must be a mapping, and is a"),
        (TOTALS.replace("data_type: double", "data_type: float"), "line 11: gold.totals, column total: type"),
        (TOTALS.replace("minimum: 0", "minimum: low"), "line 12: gold.totals, column total: minimum"),
        (TOTALS.replace("grain: one", "agrees_with: [{name: x}], grain: one"), "line 6: gold.totals, agreement x: why"),
        (TOTALS.replace("Sums.", "NO"), "line 4: gold.totals: description: must be text, and YAML reads NO"),
    ],
)
def test_a_wrong_file_beside_a_model_is_told_with_its_line(shop: Shop, text: str, words: str) -> None:
    shop.model({"wrong.yml": text.lstrip("\n")})
    with pytest.raises(NightshiftError) as refused:
        shop.catalog()
    assert f"{shop.models / 'wrong.yml'}, {words}" in str(refused.value)
