"""What the ledger keeps of an erasure that was cut off, and what the next one makes of it."""

from __future__ import annotations

import uuid

from nightshift.ledger.erasures import begin_erasure, complete_erasure, erased, merged, unfinished


def test_a_rerun_knows_what_was_found_before_and_completes_it(home) -> None:
    shop, found = f"shop_{uuid.uuid4().hex[:10]}", {"rows": {"gold.shoppers": {"2024-01-02": 1}}, "archived": ["a.csv"]}
    first = begin_erasure(shop, "contact", "tok_1", "eve", "request 17", found)
    begin_erasure(shop, "contact", "tok_2", "eve", "request 18", {"archived": ["other.csv"]})
    assert unfinished(shop, "contact", "tok_1") == [found]

    complete_erasure(begin_erasure(shop, "contact", "tok_1", "eve", "again", merged([found, {"archived": ["b.csv"]}])))

    assert unfinished(shop, "contact", "tok_1") == []
    assert len(unfinished(shop, "contact", "tok_2")) == 1
    (newest,) = [each for each in erased(shop, ["contact"]) if each.token == "tok_1"]
    assert newest.id > first
    assert newest.report is not None
    assert (newest.report["archived"], newest.report["rows"]) == (["a.csv", "b.csv"], found["rows"])


def test_of_several_reports_nothing_is_lost() -> None:
    first = {"rows": {"a": {"2024-01-02": 2, "2024-01-03": 1}}, "landed": {"x.csv": [3]}, "databases": {"crm.t": ["1"]}}
    second = {"rows": {"a": {"2024-01-02": 1}, "b": {"2024-01-02": 4}}, "archived": ["y"], "landed": {"x.csv": [1, 3]}}
    assert merged([first, second]) == {
        "rows": {"a": {"2024-01-02": 2, "2024-01-03": 1}, "b": {"2024-01-02": 4}},
        "archived": ["y"],
        "landed": {"x.csv": [1, 3]},
        "databases": {"crm.t": ["1"]},
    }
    assert not any(merged([]).values())
