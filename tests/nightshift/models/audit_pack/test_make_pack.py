"""One zip with all that somebody may ask about a version."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import uuid
import zipfile

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from nightshift.commands.audit_pack import audit_pack
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ledger import engine
from nightshift.ledger.ledger_tables import EntryRow, InputRow
from nightshift.models import champions, mlflow_connection
from nightshift.models.audit_pack import make_pack, write_audit_pack
from nightshift.models.audit_pack.checkout import declared_files, differences
from nightshift.models.audit_pack.pack_readme import meaning
from nightshift.models.champions.card_decisions import BEGIN, END
from tests.registering import a_use_case, register

DATES = "2013-03-01..2013-03-02"
DAY = dt.timedelta(days=1)
MARCH = dt.date(2013, 3, 1)


@pytest.fixture
def use_case(home, monkeypatch):
    """A use case with the tables of the flights, and nothing in ledger and registry."""
    mlflow_connection.client.cache_clear()
    made = a_use_case()
    tables = Catalog(UseCase.load("flight_delays", get_settings()))
    tables.use_case = made
    monkeypatch.setattr(make_pack, "Catalog", lambda _: tables)
    yield made
    mlflow_connection.client.cache_clear()


def published(use_case, table, date, version, inputs=(), **columns):
    """An entry as an attempt leaves it, with what it took in."""
    attempt = uuid.uuid4()
    row = {
        "attempt_id": attempt, "use_case": use_case.name, "stage": "land" if table.startswith("bronze") else "x",
        "table_name": table, "batch_date": date, "run_id": "night", "status": "published", "delta_version": version,
        "code_version": "abc", "rows_published": 10, **columns,
    }  # fmt: skip
    taken = [
        {
            "attempt_id": attempt, "batch_date": date, "kind": kind, "name": name, "version": str(of), "rows": 10,
            "quarantined": 0, "deduplicated": 0,
        }
        for kind, name, of in inputs
    ]  # fmt: skip
    with engine().begin() as connection:
        connection.execute(sa.insert(EntryRow), [row])
        if taken:
            connection.execute(sa.insert(InputRow), taken)


def a_history(use_case):
    """Three days landed, refined and made features of; the second day's file came again after the training."""
    for number, date in enumerate((MARCH - DAY, MARCH, MARCH + DAY)):
        published(use_case, "bronze.schedule", date, number, [("file", "schedule.csv", f"sha {date}")])
        published(use_case, "silver.flights", date, number, [("table", "bronze.schedule", number)])
    for number, date in enumerate((MARCH, MARCH + DAY)):
        published(use_case, "gold.features", date, number, [("table", "silver.flights", number + 1)])
    published(use_case, "bronze.schedule", MARCH + DAY, 3, [("file", "schedule.csv", "sha corrected")])
    published(use_case, "silver.flights", MARCH + DAY, 3, [("table", "bronze.schedule", 3)])
    published(use_case, "gold.features", MARCH + DAY, 2, [("table", "silver.flights", 3)])


def registered(use_case, features=1):
    label = Catalog(UseCase.load("flight_delays", get_settings()))["gold.features"].label
    return register(use_case, DATES, **{f"delta_version.{label}": str(features), "code_version": "0123456789ab"})


def opened(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def with_card(use_case, version):
    run_id = mlflow_connection.model_version(use_case, version).run_id
    mlflow_connection.client(get_settings()).log_text(run_id, f"<p>a card</p>{BEGIN}{END}", "card/card.html")
    mlflow_connection.client(get_settings()).log_text(run_id, f"![x](../plots/x.png)\n{BEGIN}{END}", "card/card.md")
    return run_id


def test_it_holds_the_model_the_card_the_decisions_and_the_declarations(use_case, tmp_path):
    version = registered(use_case)
    with_card(use_case, version)
    champions.promote(use_case, version, MARCH, "maria", "read the card", "run 1")
    missing = write_audit_pack(use_case, version, tmp_path / "pack.zip")
    assert missing == ["the ledger knows nothing of the slices that were trained on"]
    files = opened(tmp_path / "pack.zip")
    assert files["model/model.lgb"].startswith(b"tree\n")
    assert b"nightshift_calibration" in files["model/MLmodel"]
    assert json.loads(files["registry/run.json"])["metrics"] == {"loss": 0.5}
    assert json.loads(files["registry/version.json"])["tags"]["code_version"] == "0123456789ab"
    (decided,) = rows(files["decisions/decisions.csv"])
    assert (decided["action"], decided["who"], decided["why"]) == ("promoted", "maria", "read the card")
    reign = rows(files["decisions/champions.csv"])[0]
    assert (reign["first"], reign["last"], reign["to"]) == ("2013-03-01", "", "")
    assert b"read the card" in files["card.html"]
    assert b"maria" in files["run/card/card.html"], "what was decided stands in the card of the run, too"
    assert b"](run/plots/x.png)" in files["card.md"]
    assert b"trained by code version 0123456789ab" in files["README.md"]
    for each in rows(files["MANIFEST.csv"]):
        assert hashlib.sha256(files[each["file"]]).hexdigest() == each["sha256"]
    assert {each["file"] for each in rows(files["MANIFEST.csv"])} == files.keys() - {"MANIFEST.csv"}
    for name in files:
        assert f"| {name} | ".encode() in files["README.md"]


def test_the_files_behind_the_data_are_those_that_were_read(use_case, tmp_path):
    a_history(use_case)
    write_audit_pack(use_case, registered(use_case), tmp_path / "then.zip")
    files = opened(tmp_path / "then.zip")
    assert [(each["batch_date"], each["sha256"]) for each in rows(files["data/files.csv"])] == [
        ("2013-02-28", "sha 2013-02-28"),
        ("2013-03-01", "sha 2013-03-01"),
        ("2013-03-02", "sha 2013-03-02"),
    ]
    slices = {(each["table"], each["batch_date"], each["delta_version"]) for each in rows(files["data/slices.csv"])}
    assert ("gold.features", "2013-03-02", "1") in slices
    assert ("gold.features", "2013-03-02", "2") not in slices
    write_audit_pack(use_case, registered(use_case, features=2), tmp_path / "now.zip")
    digests = [each["sha256"] for each in rows(opened(tmp_path / "now.zip")["data/files.csv"])]
    assert digests == ["sha 2013-02-28", "sha 2013-03-01", "sha corrected"]


def test_what_the_version_scored_and_whether_it_is_still_seen(use_case, tmp_path):
    version = registered(use_case)
    other = registered(use_case)
    for date, by in ((MARCH, version), (MARCH + DAY, version), (MARCH + DAY, other)):
        published(use_case, "gold.scores", date, 1, model_name=use_case.model_name, model_version=by)
    write_audit_pack(use_case, version, tmp_path / "pack.zip")
    found = rows(opened(tmp_path / "pack.zip")["data/scored.csv"])
    assert [(each["batch_date"], each["is_visible_now"]) for each in found] == [
        ("2013-03-01", "yes"),
        ("2013-03-02", "no"),
    ]


def test_the_same_state_gives_the_same_bytes(use_case, tmp_path):
    a_history(use_case)
    version = registered(use_case)
    with_card(use_case, version)
    for name in ("one.zip", "two.zip"):
        assert write_audit_pack(use_case, version, tmp_path / name) == []
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_version_that_does_not_exist_leaves_no_file(use_case, tmp_path):
    registered(use_case)
    with pytest.raises(NightshiftError, match="has no version 7: see those that exist"):
        write_audit_pack(use_case, 7, tmp_path / "pack.zip")
    assert list(tmp_path.glob("*.zip")) == []


def test_a_run_that_somebody_deleted_is_said_to_be_missing(use_case, tmp_path):
    version = registered(use_case)
    run_id = with_card(use_case, version)
    mlflow_connection.client(get_settings()).delete_run(run_id)
    from mlflow.tracking._tracking_service.utils import _get_store

    _get_store()._hard_delete_run(run_id)
    missing = write_audit_pack(use_case, version, tmp_path / "pack.zip")
    assert any("is gone, with its metrics" in each for each in missing)
    files = opened(tmp_path / "pack.zip")
    assert files["model/model.lgb"].startswith(b"tree\n")
    assert b"is gone, with its metrics" in files["README.md"]


def test_the_command_says_where_it_lies(use_case, tmp_path, monkeypatch):
    version = registered(use_case)
    monkeypatch.setattr(UseCase, "load", lambda name, home: use_case)
    place = tmp_path / "below" / "pack.zip"
    done = CliRunner().invoke(audit_pack, [str(version), "--use-case", use_case.name, "--output", str(place)])
    assert done.exit_code == 0, done.output
    assert str(place) in done.output
    assert "missing: the run holds no card.html" in done.output
    assert "MANIFEST.csv" in opened(place)


def test_declarations_sql_and_lock_are_in_it_and_each_is_explained():
    files = declared_files(UseCase.load("flight_delays", get_settings()))
    for name in ("use_cases/flight_delays/use_case.yaml", "use_cases/flight_delays/tables.yaml", "requirements.lock"):
        assert f"code/{name}" in files
    models = "code/use_cases/flight_delays/dbt/models/features/"
    assert any(name.startswith(models) and name.endswith(".sql") for name in files)
    assert not [name for name in files if "__pycache__" in name]
    assert all(meaning(name) for name in files)


def test_the_same_code_and_environment_is_no_difference(monkeypatch):
    from nightshift.models.audit_pack import checkout

    monkeypatch.setattr(checkout, "code_version", lambda: "abc")
    assert differences({"code_version": "abc"}) == []
    assert "nothing shows" not in " ".join(differences({"code_version": "abd"}))
    assert differences({"code_version": "abc", "environment.python": "2.7"})[0].startswith("python was 2.7 then")
    monkeypatch.setattr(checkout, "code_version", lambda: "abc+changes")
    assert "nothing shows that they differed alike" in differences({"code_version": "abc+changes"})[0]
