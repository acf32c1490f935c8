"""Every expectation states its consequence, a name in domain words, and why it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def blocks(expectation: type[Expectation], *, name: str, why: str, **arguments: Any) -> Expectation:
    """An expectation whose failure keeps the slice from being published."""
    return expectation(**arguments, severity="critical", meta={"name": name, "why": why})


def warns(expectation: type[Expectation], *, name: str, why: str, **arguments: Any) -> Expectation:
    """An expectation whose failure is shown in log and report, and lets the slice pass."""
    return expectation(**arguments, severity="warning", meta={"name": name, "why": why})
