"""Personal data: tokens in every layer, and the values nowhere."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pyspark.sql import functions as F

from nightshift import ledger
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest.landing.protect_personal_data import tokens
from nightshift.ingest.privacy import tokens as privacy
from tests.shop import CUSTOMERS, NEXT, Shop, order

# Planted, and to be found in deliveries and their archived copies only.
SECRETS = ("ada@example.org", "Ada Lovelace", "+44 20 7946", "grace@example.org", "Grace Hopper", "zoe@example.org")
SECRETS += ("Zoë Zimmer", "kim@example.org", "lee@example.org", "secret-note", "+39 011 5555", "head@example.org")


@pytest.fixture
def shop(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


def test_values_are_nowhere_but_in_the_delivery(spark, shop: Shop, caplog, capfd) -> None:
    shop.deliver(
        [
            "ada@example.org,Ada Lovelace,+44 20 7946,London,36,secret-note",
            "grace@example.org,Grace Hopper,+44 20 7946,London,17,secret-note",  # breaks a rule between columns
            "zoe at zoe@example.org,Zoë Zimmer,+39 011 5555,Turin,50,",  # breaks the pattern of an address
            "Ada Lovelace,ada@example.org,+44 20 7946,London,30,secret-note",  # two fields changed places
            "kim@example.org,Grace Hopper,+39 011 5555,Paris,x,",  # an age that is none, after a comma too many or so
            'lee@example.org,"Ada Lovelace,+39 011 5555,Paris,40,',  # can't be parsed
            "ada@example.org,Ada Lovelace,+44 20 7946,secret-note,36,secret-note",  # slipped into a public column
        ],
        [
            order(1, "ada@example.org"),
            {**order(2, "grace@example.org"), "contact": "lee@example.org"},
            order(3, "kim@example.org", amount=-1),
            '{"order_id": 4, "email": "lee@example.org"',
            {"order_id": 5, "email": "lee@example.org", "amount": 1},
        ],
        header=",".join([*CUSTOMERS, "note"]),
    )
    with pytest.raises(NightshiftError) as refused:
        shop.land()
    shop.change("use_case.yaml", "tolerated_quarantine_share: 0.5", "tolerated_quarantine_share: 1")
    shop.land()

    said = f"{refused.value}\n{caplog.text}\n{''.join(capfd.readouterr())}"
    assert "email: '***' does not match" in said
    assert len(shop.rows(spark, "bronze.customers", "email")) == 1
    ada = privacy.token(privacy.load_key(get_settings()), "contact", "ada@example.org")
    assert shop.rows(spark, "bronze.customers", "email", "phone", "city") == [(ada, None, "London")]
    assert shop.rows(spark, "bronze.orders", "order_id", "email", "extra")[0] == (1, ada, None)
    assert shop.rows(spark, "bronze.orders", "order_id", "extra")[1] == (2, '{"***":"1 undeclared"}')
    assert '{"email":"***","name":"***","phone":"***","city":"London","age":"17"}' in [
        raw for (raw,) in shop.rows(spark, "bronze.quarantine", "raw")
    ]
    found = [
        (secret, place)
        for place, text in [("messages", said), *_everything(shop)]
        for secret in SECRETS
        if secret in text
    ]
    assert not found


def test_an_address_in_the_place_of_a_name_is_not_shown(spark, shop: Shop, caplog) -> None:
    shop.deliver(
        ["bob@example.org,Bob,1,London,36,x"],
        [{**order(1), "zoe@example.org": 1, "lovelace": "x"}],
        header=",".join([*CUSTOMERS, "jdoe42"]),
    )
    shop.land()
    assert shop.rows(spark, "bronze.orders", "extra") == [('{"***":"2 undeclared"}',)]
    assert shop.rows(spark, "bronze.customers", "extra") == [('{"***":"1 undeclared"}',)]
    assert "has the undeclared '***', '***'" in caplog.text
    for name in ("zoe@example.org", "lovelace", "jdoe42"):
        assert name not in caplog.text


def test_a_file_without_its_header_shows_nobody(spark, shop: Shop, caplog) -> None:
    shop.deliver(["ada@example.org,Ada Lovelace,1,London,36"] * 2, header="head@example.org,lovelace,jdoe42,London,36")
    with pytest.raises(NightshiftError) as refused:
        shop.land()
    shown = f"{refused.value} {caplog.text} {shop.rows(spark, 'bronze.quarantine', 'reason')}"
    assert "lacks 'email'" in shown
    assert not [secret for secret in (*SECRETS, "lovelace", "jdoe42") if secret in shown]


def test_a_changed_key_is_refused_before_anything_is_written(spark, shop: Shop, monkeypatch) -> None:
    shop.deliver(["ada@example.org,Ada,1,London,36"])
    shop.land()
    before = shop.rows(spark, "bronze.customers", "email")
    shop.deliver(["ada@example.org,Ada,1,London,37"], date=NEXT)
    monkeypatch.setenv("NIGHTSHIFT_PII_KEY", "another key, which is as long as it must be")

    with pytest.raises(NightshiftError, match=r"fingerprint [0-9a-f]{8}, and the tokens of .* the same person"):
        shop.land(NEXT)

    assert shop.rows(spark, "bronze.customers", "email") == before


def test_the_key_stands_in_no_plan(spark, capfd) -> None:
    key = b"0123456789abcdef-a-key-of-a-test"
    rows = spark.createDataFrame([("ada@example.org",), (None,), ("ada@example.org",)], "email string")
    nothing = spark.createDataFrame([(None,)], "email string").select(tokens("contact", key)(F.col("email")).alias("x"))
    assert nothing.first().x is None
    hidden = rows.select(tokens("contact", key)(F.col("email")).alias("email"))
    hidden.explain("extended")
    plan = capfd.readouterr().out + str(hidden._jdf.queryExecution().toString())
    assert "tokenise" in plan
    assert key.decode() not in plan
    assert key.hex() not in plan
    expected = privacy.token(key, "contact", "ada@example.org")
    assert [row.email for row in hidden.collect()] == [expected, None, expected]
    assert re.fullmatch(r"tok_[0-9a-f]{32}", expected)


def _everything(shop: Shop) -> Iterator[tuple[str, str]]:
    """All that the home, Spark's scratch and the ledger hold, deliveries and archive aside."""
    home = shop.settings.home
    places = [home, Path(os.environ["SPARK_LOCAL_DIRS"])]
    for path in (path for place in places for path in place.rglob("*")):
        if not path.is_file() or {"landing", "archive"} & set(path.relative_to(path.anchor).parts):
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            yield str(path), str(pq.read_table(pa.BufferReader(content)).to_pylist())
        elif content.startswith(b"\x1f\x8b"):
            yield str(path), gzip.decompress(content).decode("utf-8", "replace")
        else:
            yield str(path), content.decode("utf-8", "replace")
    with ledger.engine().connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            yield f"ledger {table}", str(connection.execute(sa.text(f'SELECT * FROM "{table}"')).all())
