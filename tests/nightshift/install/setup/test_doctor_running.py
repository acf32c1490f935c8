"""The doctor asks what runs, starts nothing, waits for nothing, and names the next step for what does not answer."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.home import postgres_server
from nightshift.home.settings import Settings, get_settings
from nightshift.install.services.supervisor import Supervisor
from nightshift.install.setup import doctor_running
from nightshift.install.setup.doctor_finding import Finding
from nightshift.install.setup.doctor_installation import Installation
from tests.declaring import Shop
from tests.nightshift.supervised import HEALTHY, Pages, was_started
from tests.s3_server import S3Server

NIGHT = "flight_delays_nightly"


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.check: finding for finding in doctor_running.findings(settings)}


def test_before_the_first_start_nothing_is_wrong_and_nothing_is_started(home: Settings) -> None:
    embedded = home.model_copy(update={"database_url": None})
    findings = found(embedded)
    assert {name: finding.result for name, finding in findings.items()} == dict.fromkeys(
        ("use cases", "ports", "services", "database", "mlflow", "landing"), "ok"
    )
    assert "`make up`" in findings["services"].found
    assert postgres_server.running(embedded) is None
    assert not home.run.exists()
    assert not home.postgres.exists()


def test_audit_pages_that_lie_apart_are_asked_for(home: Settings, s3: S3Server, tmp_path: Path) -> None:
    there = home.model_copy(update={"pages_url": f"s3://{s3.new_bucket()}/reports"})
    finding = found(there)["pages"]
    assert (finding.result, finding.found) == ("ok", f"reports of audits are written to {there.pages_url}")
    for place, said in (("s3://no-such-bucket/x", "no such bucket"), (f"{tmp_path}/away/pages", "away is not there")):
        finding = found(home.model_copy(update={"pages_url": place}))["pages"]
        assert finding.result == "fail"
        assert said in finding.found
        assert "NIGHTSHIFT_PAGES_URL" in finding.remedy


def test_services_that_were_stopped_are_no_fault_of_the_machine(home: Settings) -> None:
    was_started(home, 1)
    finding = found(home)["services"]
    assert (finding.result, finding.remedy) == ("warn", "run `nightshift up`")


def test_services_that_run_are_listed_and_airflow_says_what_is_switched_off(
    home: Settings, pages: Pages, started: Callable[..., Supervisor]
) -> None:
    started()
    pages.answers["/api/v2/dags"] = {"dags": [{"dag_id": NIGHT}]}
    findings = found(home)
    assert {finding.result for finding in findings.values()} == {"ok"}
    assert "scheduler" in findings["services"].found
    assert findings["airflow"].found == f"healthy at http://127.0.0.1:{pages.port}; switched off: {NIGHT}"
    assert findings["mlflow"].found == f"answers at 127.0.0.1:{pages.port}"


def test_a_service_that_ended_fails_and_its_log_is_named(home: Settings, started: Callable[..., Supervisor]) -> None:
    started("scheduler")
    # The supervisor starts it a few times more, and for that moment it has not ended.
    deadline = time.monotonic() + 20
    while (finding := found(home)["services"]).result != "fail" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert finding.result == "fail"
    # Between two tries, or given up.
    assert finding.found in {"scheduler BACKOFF", "scheduler FATAL"}
    assert "`nightshift up`" in finding.remedy
    assert str(home.logs / "services" / "scheduler.log") in finding.remedy


def test_a_database_that_ended_under_its_services_fails(home: Settings, started: Callable[..., Supervisor]) -> None:
    started()
    finding = found(home.model_copy(update={"database_url": None}))["database"]
    assert finding.result == "fail"
    assert "`nightshift up`" in finding.remedy


def test_what_ails_airflow_is_said(home: Settings, pages: Pages, started: Callable[..., Supervisor]) -> None:
    started()
    sound = dict(pages.answers)
    unread = {"import_errors": [{"filename": "dags/nightly.py"}]}
    for check, page, answer, said in (
        ("airflow", "/api/v2/monitor/health", {**HEALTHY, "scheduler": {"status": "unhealthy"}}, "scheduler unhealthy"),
        ("airflow", "/api/v2/monitor/health", 500, "does not answer"),
        ("airflow", "/api/v2/importErrors", unread, "cannot read dags/nightly.py"),
        # Of a use case that was added while the services ran.
        ("pools", "/api/v2/pools", {"pools": [{"name": "default_pool"}]}, "lake_flight_delays, training missing"),
    ):
        pages.answers.update({**sound, page: answer})
        failed = [each for each in doctor_running.findings(home) if each.result == "fail"]
        assert [each.check for each in failed] == [check], page
        assert said in failed[0].found
        assert "`nightshift up`" in failed[0].remedy or "Import Errors" in failed[0].remedy


def test_a_database_of_ones_own_is_asked_and_its_password_is_not_told(home: Settings) -> None:
    assert found(home)["database"].result == "ok"
    gone = "postgresql+psycopg2://someone:s3cret@127.0.0.1:1/ledger"
    finding = found(home.model_copy(update={"database_url": gone}))["database"]
    assert finding.result == "fail"
    assert "database airflow" in finding.found
    assert "s3cret" not in finding.found + finding.remedy


@pytest.mark.parametrize(("answer", "result"), [("OK", "ok"), (404, "ok"), (503, "fail")])
def test_an_mlflow_server_is_asked_and_its_password_is_not_told(
    home: Settings, pages: Pages, answer: Any, result: str
) -> None:
    pages.answers["/health"] = answer
    named = home.model_copy(update={"mlflow_tracking_uri": f"http://me:s3cret@127.0.0.1:{pages.port}"})
    finding = found(named)["mlflow"]
    assert finding.result == result
    assert "s3cret" not in finding.found


def test_an_mlflow_server_that_is_away_fails(home: Settings) -> None:
    finding = found(home.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:1"}))["mlflow"]
    assert finding.result == "fail"
    assert "NIGHTSHIFT_MLFLOW_TRACKING_URI" in finding.remedy


def test_services_that_run_elsewhere_are_asked_there(
    home: Settings, pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "admin_password").write_text("known")
    monkeypatch.setenv("NIGHTSHIFT_AIRFLOW_URL", f"http://127.0.0.1:{pages.port}")
    monkeypatch.setenv("NIGHTSHIFT_AIRFLOW_PUBLIC_URL", "https://airflow.company")
    monkeypatch.setenv("NIGHTSHIFT_SECRETS_DIR", str(tmp_path))
    told = found(Settings())
    assert told["services"].found == "run elsewhere, as NIGHTSHIFT_AIRFLOW_URL says"
    assert "ports" not in told
    assert told["airflow"].found.startswith("healthy at https://airflow.company")
    pages.answers["/api/v2/monitor/health"] = 503
    assert "docker compose logs" in found(Settings())["airflow"].remedy


def test_the_newest_delivery_is_told_and_whether_it_is_complete(home: Settings) -> None:
    folder = home.landing.path / "flight_delays"
    for name in ("2013-08-02", "2013-08-03", "not-a-date"):
        (folder / name).mkdir(parents=True)
    assert "2013-08-03" in found(home)["landing"].found
    assert "not complete" in found(home)["landing"].found
    (folder / "2013-08-03" / "manifest.json").touch()
    assert found(home)["landing"].found.endswith(f"in {folder}, complete")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("use_case.yaml", "name: shop\nttile: misspelt\n", "ttile"),
        ("tables.yaml", "tables:\n  - layer: bronze\n   name: x\n", "line 3"),
    ],
    ids=["a field", "an indentation"],
)
def test_a_declaration_that_cannot_be_read_is_blamed_on_nothing_else(
    home: Settings, shop: Shop, pages: Pages, started: Callable[..., Supervisor], file: str, text: str, said: str
) -> None:
    shop.catalog()
    started()
    sound = shop.folder.with_name("sound")
    shutil.copytree(shop.folder, sound)
    (sound / "use_case.yaml").write_text((sound / "use_case.yaml").read_text().replace("name: shop", "name: sound"))
    pages.answers["/api/v2/pools"] = {"pools": [{"name": "lake_sound"}, {"name": "training"}]}
    (shop.folder / file).write_text(text)
    findings = doctor_running.findings(get_settings())
    assert [(each.check, each.result) for each in findings if each.result != "ok"] == [
        ("use cases", "fail"),
        ("pools", "warn"),
        ("landing", "warn"),
    ]
    wrong = found(get_settings())["use cases"]
    assert str(shop.folder / file) in wrong.found
    assert said in wrong.found
    assert wrong.remedy.startswith("correct the declaration")
    assert any(each.check == "landing" and "sound: nothing was delivered" in each.found for each in findings)


def test_a_landing_zone_that_cannot_be_listed_fails(home: Settings, tmp_path: Path, monkeypatch: Any) -> None:
    away = tmp_path / "not-mounted"
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", str(away))
    get_settings.cache_clear()
    finding = found(get_settings())["landing"]
    assert (finding.result, finding.found) == ("fail", f"{away} is not there")
    assert "NIGHTSHIFT_LANDING_URL" in finding.remedy


def test_what_does_not_answer_is_not_waited_for(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for_ever = threading.Event()

    def hang(_: Installation) -> Iterator[Finding]:
        for_ever.wait()
        yield Finding("stuck", "ok", "at last")

    monkeypatch.setattr(doctor_running, "LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(doctor_running, "CHECKS", (doctor_running.Question("stuck", hang, "look after it"),) * 3)
    began = time.monotonic()
    findings = [finding for finding in doctor_running.findings(home) if finding.check == "stuck"]
    assert time.monotonic() - began < 20
    for_ever.set()
    assert [(each.result, each.found) for each in findings] == [("fail", "no answer within 0.2 s")] * 3
    assert all(each.remedy.endswith("look after it") for each in findings)
