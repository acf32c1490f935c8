"""The tables' contracts are sound in the standard's own terms, and say what the declarations say."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from click.testing import CliRunner
from datacontract.data_contract import DataContract
from jsonschema import Draft201909Validator

from nightshift.catalogue import data_contracts
from nightshift.commands.contracts import contracts as command
from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR
from tests.declaring import Shop

FILES = sorted((PROJECT_DIR / "use_cases").glob("*/contracts/*.odcs.yaml"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError("this test must not need the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_ecosystems_tool_accepts_each_contract(file: Path, no_network: None) -> None:
    run = DataContract(data_contract_file=str(file)).lint()
    assert run.result == "passed", [check.reason for check in run.checks]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_contract_fits_the_standards_own_schema(file: Path) -> None:
    schema = json.loads((resources.files("datacontract") / "schemas" / "odcs-3.1.0.schema.json").read_text())
    faults = Draft201909Validator(schema).iter_errors(yaml.safe_load(file.read_text()))
    assert [fault.message for fault in faults] == []


def test_the_tool_runs_as_a_command_and_refuses_what_is_no_contract(tmp_path: Path) -> None:
    broken = tmp_path / "broken.odcs.yaml"
    broken.write_text(FILES[0].read_text().replace("kind: DataContract", "kind: Agreement"))
    tool = Path(sys.executable).parent / "datacontract"
    assert subprocess.run([tool, "lint", FILES[0]], check=False, capture_output=True, timeout=120).returncode == 0
    assert subprocess.run([tool, "lint", broken], check=False, capture_output=True, timeout=120).returncode != 0


def contract(shop: Shop, name: str) -> dict[str, Any]:
    return data_contracts.contract(shop.catalog()[name])


def properties(shop: Shop, name: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in contract(shop, name)["schema"][0]["properties"]}


def custom(element: dict[str, Any]) -> dict[str, Any]:
    return {each["property"]: each["value"] for each in element.get("customProperties", [])}


def test_a_contract_names_owner_version_and_what_may_be_relied_on(shop: Shop) -> None:
    shop.change("source:", "owner: sales\n    version: 3\n    retention_days: 40\n    freshness_hours: 30\n    source:")
    found = contract(shop, "bronze.orders")
    assert (found["id"], found["version"], found["team"]) == ("shop.bronze.orders", "3.0.0", {"name": "sales"})
    levels = {each["property"]: (each["value"], each["unit"], each["element"]) for each in found["slaProperties"]}
    assert levels == {"freshness": (30, "h", "orders.batch_date"), "retention": (40, "d", "orders.batch_date")}


def test_types_bounds_and_units_are_those_declared(shop: Shop) -> None:
    shop.change("minimum: 0,", "minimum: 0, maximum: 9.5,").change(
        "name: is_returned, type: boolean", "name: code, type: string, pattern: a|b"
    )
    found = properties(shop, "bronze.orders")
    assert (found["id"]["logicalType"], found["id"]["physicalType"], found["id"]["required"]) == (
        "integer",
        "bigint",
        True,
    )
    assert found["amount"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 9.5}
    assert custom(found["amount"]) == {"unit": "euro"}
    # The whole text must match.
    assert found["code"]["logicalTypeOptions"] == {"pattern": "^(?:a|b)$"}
    assert found["batch_date"]["partitioned"] is True


def test_the_key_includes_the_batch_date_and_is_promised_where_it_was_made_unique(shop: Shop) -> None:
    silver, bronze = properties(shop, "silver.orders"), properties(shop, "bronze.orders")
    assert {name: each["primaryKeyPosition"] for name, each in silver.items() if "primaryKey" in each} == {
        "batch_date": 1,
        "id": 2,
    }
    assert [name for name, each in bronze.items() if "primaryKey" in each] == []


def test_personal_data_is_classified(shop: Shop) -> None:
    shop.change("name: is_returned, type: boolean", "name: buyer, type: string, pii: name")
    buyer = properties(shop, "bronze.orders")["buyer"]
    assert buyer["classification"] == "restricted"
    assert custom(buyer) == {"personalData": "name", "treatment": "tokenise"}
    assert "classification" not in properties(shop, "bronze.orders")["amount"]


def test_rules_are_queries_and_agreements_are_words(shop: Shop) -> None:
    shop.change("source:", "rules: [{name: paid, must: amount > 0, why: Nothing is free.}]\n    source:")
    shop.change(
        "description: Orders of the day, once each.",
        "description: x\n    agrees_with: [{name: all, why: None is lost., table: bronze.orders, days_before: 2}]",
    )
    keys, rule = contract(shop, "bronze.orders")["schema"][0]["quality"]
    assert (keys["metric"], keys["arguments"], keys["severity"]) == (
        "duplicateValues",
        {"properties": ["batch_date", "id"]},
        "warning",
    )
    assert rule["query"] == "SELECT count(*) FROM ${table} WHERE NOT coalesce(amount > 0, false)"
    assert (rule["mustBe"], rule["description"]) == (0, "Nothing is free.")
    _, agreement = contract(shop, "silver.orders")["schema"][0]["quality"]
    assert agreement["type"] == "text"
    assert "`count(*)` of `bronze.orders` on the batch date 2 days earlier: None is lost." in agreement["description"]


def test_the_command_lists_prints_and_exports(shop: Shop, tmp_path: Path) -> None:
    shop.catalog()
    run = CliRunner()
    assert "silver.shop_orders  version 1  orders-team" in run.invoke(command, []).output.splitlines()
    printed = run.invoke(command, ["silver.shop_orders"]).output
    assert yaml.safe_load(printed)["id"] == "shop.silver.orders"
    run.invoke(command, ["--to", str(tmp_path / "out")], catch_exceptions=False)
    assert (tmp_path / "out" / "shop" / "silver.orders.odcs.yaml").read_text() == printed
    with pytest.raises(NightshiftError, match=r"there is no table gold\.nothing"):
        run.invoke(command, ["gold.nothing"], catch_exceptions=False)
