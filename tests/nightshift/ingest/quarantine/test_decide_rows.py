"""`nightshift quarantine`, over a quarantine that was written without Spark."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import write_deltalake

from nightshift.commands.quarantine import quarantine
from nightshift.dates import BatchDates
from nightshift.errors import DecisionError, NightshiftError
from nightshift.ingest.quarantine.decide_rows import decide
from nightshift.ingest.quarantine.quarantined_rows import Selection
from nightshift.ledger.row_decisions import RowDecision, decisions_of, note_effect, record_decisions
from tests.shop import DAY, NEXT, Shop

SHA = "a" * 64
ONE = BatchDates.of(DAY)


@pytest.fixture
def shop(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Six rows, one whole file and one erased person are in quarantine."""
    made = Shop(tmp_path, monkeypatch)
    keep(
        made,
        row(2, "amount.maximum"),
        row(3, "amount.maximum,currency.accepted"),
        row(4, "currency.accepted"),
        row(5, "json", raw="withheld: 9 bytes, see record 5 of orders.jsonl"),
        row(6, "erased", status="rejected"),
        row(0, "unreadable", source="customers", file="customers.csv", raw=None),
        row(2, "amount.minimum", date=NEXT, sha256="b" * 64),
    )
    return made


def row(record: int, rules: str, date: dt.date = DAY, sha256: str | None = SHA, **more: Any) -> dict[str, Any]:
    return {
        **{"batch_date": date, "source": "orders", "file": "orders.jsonl", "file_sha256": sha256, "record": record},
        **{"rules": rules, "reason": f"breaks {rules}", "raw": '{"order_id":"1","email":"***"}', "status": "open"},
        **{"decided_by": None, "decided_why": None},
        **more,
    }


def keep(shop: Shop, *rows: dict[str, Any]) -> None:
    table = shop.catalog["bronze.quarantine"]
    types = {"date": pa.date32(), "bigint": pa.int64()}
    columns = [("batch_date", pa.date32()), *((c.name, types.get(c.type, pa.string())) for c in table.data_columns)]
    content = pa.Table.from_pylist(list(rows), schema=pa.schema(columns))
    write_deltalake(str(table.location.path), content, mode="overwrite", partition_by=["batch_date"])


def run(shop: Shop, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(quarantine, [command, "--use-case", shop.name, *arguments])


def decided(shop: Shop, command: str, *arguments: str) -> str:
    done = run(shop, command, "--table", "orders", "--date", str(DAY), "--who", "eve", "--why", "checked", *arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_rows_are_counted_per_table_and_rule(shop: Shop) -> None:
    found = json.loads(run(shop, "list", "--dates", f"{DAY}..{NEXT}", "--json").output)
    states = ("rows", "open", "rejected", "waiting", "released")
    assert [(each["batch_date"], each["table"], *(each[name] for name in states)) for each in found["tables"]] == [
        ("2024-01-02", "customers", 1, 1, 0, 0, 0),
        ("2024-01-02", "orders", 5, 4, 1, 0, 0),
        ("2024-01-03", "orders", 1, 1, 0, 0, 0),
    ]
    assert [(each["rule"], each["rows"]) for each in found["rules"] if each["table"] == "orders"] == [
        *(("amount.maximum", 2), ("currency.accepted", 2), ("erased", 1), ("json", 1)),
        ("amount.minimum", 1),
    ]
    shown = run(shop, "list", "--date", str(DAY), "--table", "bronze.orders", "--rule", "json").output
    assert "json" in shown
    assert "amount.maximum" not in shown


def test_rows_are_shown_with_file_record_reason_and_digest(shop: Shop) -> None:
    shown = run(shop, "show", "--date", str(DAY), "--table", "orders", "--rule", "json").output
    assert shown == (
        "2024-01-02 orders: orders.jsonl record 5, open\n"
        "    breaks  json\n"
        "    because breaks json\n"
        "    raw     withheld: 9 bytes, see record 5 of orders.jsonl\n"
        f"    sha256  {SHA}\n"
        "(1 rows)\n"
    )
    listed = json.loads(run(shop, "show", "--dates", str(DAY), "--limit", "2", "--json").output)
    assert [(each["table"], each["record"]) for each in listed] == [("customers", 0), ("orders", 2)]


def test_a_release_by_rule_is_one_decision_about_the_files_content(shop: Shop) -> None:
    said = decided(shop, "release", "--rule", "amount.maximum")
    assert said.startswith("1 rows released\n1 rows stay as they are: they break currency.accepted\n")
    assert f".venv/bin/python -m spark_jobs.land --use-case {shop.name} --dates 2024-01-02" in said
    assert f"Dags → {shop.name}_nightly" in said
    (made,) = decisions_of(shop.name, ONE)
    assert (made.table_name, made.file_sha256, made.record, made.rules) == ("orders", SHA, None, "amount.maximum")
    assert (made.action, made.who, made.why, made.rows) == ("release", "eve", "checked", 1)

    with pytest.raises(DecisionError, match="nothing was decided: 1 rows are released already"):
        decided(shop, "release", "--rule", "amount.maximum")
    assert len(decisions_of(shop.name, ONE)) == 1

    # The last rule of the row is waived as well: both decisions together let it pass.
    assert decided(shop, "release", "--rule", "currency.accepted").startswith("2 rows released")


def test_rows_of_a_blocked_correction_are_decided_apart_from_those_in_force(shop: Shop) -> None:
    keep(
        shop,
        row(2, "amount.maximum"),
        row(2, "amount.maximum", sha256="c" * 64),
        row(0, "manifest", source="customers", file="customers.csv", sha256=None),
    )
    record_decisions(
        [
            RowDecision(
                **{"use_case": shop.name, "table_name": "orders", "batch_date": DAY, "file": "orders.jsonl"},
                **{"file_sha256": SHA, "record": None, "rules": "amount.maximum", "action": "reject"},
                **{"who": "eve", "why": "checked", "rows": 1},
            )
        ]
    )
    found = json.loads(run(shop, "show", "--date", str(DAY), "--json").output)
    assert {each["file_sha256"]: each["state"] for each in found} == {SHA: "rejected", "c" * 64: "open", None: "open"}
    assert decided(shop, "release", "--rule", "amount.maximum").startswith("2 rows released")


def test_the_newest_word_counts(shop: Shop) -> None:
    decided(shop, "release")
    assert states(shop) == {2: "waiting", 3: "waiting", 4: "waiting", 5: "open", 6: "rejected"}
    decided(shop, "reject", "--file", "orders.jsonl", "--record", "3")
    assert states(shop)[3] == "rejected"
    decided(shop, "release", "--file", "orders.jsonl", "--record", "3")
    assert states(shop)[3] == "waiting"
    decided(shop, "reject")
    assert set(states(shop).values()) == {"rejected"}


def states(shop: Shop) -> dict[int, str]:
    found = json.loads(run(shop, "show", "--date", str(DAY), "--table", "orders", "--json").output)
    return {each["record"]: each["state"] for each in found}


def test_rows_that_have_passed_can_be_called_back(shop: Shop) -> None:
    decided(shop, "release", "--rule", "amount.maximum")
    (made,) = decisions_of(shop.name, ONE)
    keep(shop, row(5, "json"))
    note_effect(shop.name, "orders", ONE, {made.id: 1})
    listed = json.loads(run(shop, "list", "--date", str(DAY), "--json").output)["tables"]
    assert [(each["table"], each["rows"], each["released"]) for each in listed] == [("orders", 1, 1)]

    with pytest.raises(DecisionError, match="nothing was decided: 1 rows are released already"):
        decided(shop, "release", "--rule", "amount.maximum")
    assert decided(shop, "reject", "--rule", "amount.maximum").startswith("1 rows rejected")
    assert [each.action for each in decisions_of(shop.name, ONE)] == ["release", "reject"]


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("release", ["--rule", "json"], "json can't be decided so"),
        ("release", ["--file", "orders.jsonl", "--record", "5"], r"json \(1 rows\) can't be decided so"),
        ("release", ["--file", "orders.jsonl", "--record", "6"], r"erased \(1 rows\) can't be decided so"),
        ("release", ["--rule", "no.rule"], "no.rule can't be decided so"),
        ("reject", ["--rule", "no.rule"], "no row of 2024-01-02 table orders rule no.rule is in the quarantine"),
        ("reject", ["--file", "orders.jsonl", "--record", "99"], "no row of .* record 99 is in the quarantine"),
        ("reject", ["--record", "2"], "--record needs --file"),
        ("reject", ["--who", " "], "--who is empty"),
        ("reject", ["--why", "two\nlines"], "--why is empty or holds control characters"),
        ("reject", ["--why", "x" * 1001], "--why has 1001 characters"),
        ("reject", ["--table", "quarantine"], "'quarantine' is no source of .*; there are: customers, orders"),
        ("reject", ["--table", "customers"], "is a whole file that can't be used: only a new delivery helps"),
    ],
)
def test_what_is_refused(shop: Shop, command: str, arguments: list[str], said: str) -> None:
    with pytest.raises(NightshiftError, match=said):
        decided(shop, command, *arguments)
    assert decisions_of(shop.name, ONE) == []


def test_nothing_in_quarantine_is_said_so(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Shop(tmp_path, monkeypatch)
    assert "nothing of 2024-01-02 is in the quarantine" in run(empty, "list", "--date", str(DAY)).output
    with pytest.raises(NightshiftError, match="no row of 2024-01-02 table orders is in the quarantine"):
        decide(empty.catalog, "reject", Selection(ONE, "orders"), "eve", "checked")
