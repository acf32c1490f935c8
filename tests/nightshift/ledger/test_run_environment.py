"""What an attempt ran in is described, told apart, and noted with every attempt."""

from __future__ import annotations

import datetime as dt
import platform

import lightgbm
import sqlalchemy as sa

from nightshift import ledger
from nightshift.home.settings import Settings
from nightshift.ledger import run_environment
from nightshift.ledger.ledger_tables import EnvironmentRow


def test_the_description_names_what_bits_depend_on() -> None:
    found = run_environment.described()
    assert found["python"] == platform.python_version()
    assert found["lightgbm"] == lightgbm.__version__
    assert {"machine", "vector instructions", "numpy", "pyarrow", "pyspark"} <= found.keys()
    assert len(found["requirements.lock"]) == 64


def test_equal_descriptions_have_equal_digests_and_others_have_others() -> None:
    one = {"python": "3.11.7", "numpy": "2.4.6"}
    assert run_environment.digest_of(one) == run_environment.digest_of(dict(reversed(one.items())))
    assert run_environment.digest_of(one) != run_environment.digest_of(one | {"numpy": "2.4.7"})
    assert run_environment.differences(one, {"python": "3.11.7", "pyspark": "4.2.0"}) == {
        "numpy": ("2.4.6", "none"),
        "pyspark": ("none", "4.2.0"),
    }
    assert run_environment.differences(one, dict(one)) == {}


def test_every_attempt_notes_its_environment_once(home: Settings) -> None:
    date = dt.date(2013, 10, 1)
    for _ in range(2):
        common = {"use_case": "noted", "stage": "test", "table_name": "gold.scores", "run_id": "test"}
        with ledger.attempt(common, {date: {}}) as record:
            record.published(3, {date: 0})
    entries = ledger.publications("noted", "gold.scores", [date])
    assert len(entries) == 2
    digest = run_environment.digest_of(run_environment.described())
    assert {entry.environment for entry in entries} == {digest}
    assert ledger.environment_of(entries[0]) == run_environment.described()
    with ledger.engine().connect() as connection:
        count = sa.select(sa.func.count()).select_from(EnvironmentRow).where(EnvironmentRow.digest == digest)
        assert connection.scalar(count) == 1
