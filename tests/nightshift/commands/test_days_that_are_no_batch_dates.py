"""Commands refuse a day that is no batch date of the use case, with the two around it."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner

from nightshift.commands.late import late
from nightshift.commands.quarantine import quarantine
from nightshift.errors import UsageError
from nightshift.home.settings import Settings
from tests.declaring import Shop

ROW = ("--table", "orders", "--who", "ada", "--why", "checked")


def sundays(shop: Shop) -> None:
    file = shop.folder / "use_case.yaml"
    file.write_text(
        file.read_text().replace("first: 2024-01-01", "first: 2024-01-07, cadence: weekly, weekday: sunday")
    )
    shop.catalog()


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (quarantine, ("list", "--dates", "2024-01-09")),
        (quarantine, ("show", "--dates", "2024-01-09..2024-01-10")),
        (quarantine, ("release", "--date", "2024-01-09", *ROW)),
        (late, ("--leave-out", "2024-01-09")),
    ],
)
def test_a_day_between_two_sundays_is_refused(
    home: Settings, shop: Shop, command: object, arguments: tuple[str, ...]
) -> None:
    sundays(shop)
    done = CliRunner().invoke(command, [*arguments, "--use-case", "shop"])  # type: ignore[arg-type]
    assert isinstance(done.exception, UsageError), done.output
    assert "is no batch date: these are Sundays" in str(done.exception)
    assert "2024-01-07, or 2024-01-14" in str(done.exception)


def test_without_a_use_case_a_day_is_passed_over_by_those_that_have_it(home: Settings, shop: Shop) -> None:
    shop.catalog()
    daily = shop.folder.parent / "daily"
    shutil.copytree(shop.folder, daily)
    for file in daily.glob("*.yaml"):
        file.write_text(file.read_text().replace("name: shop", "name: daily"))
    sundays(shop)
    done = CliRunner().invoke(late, ["--leave-out", "2024-01-09"])
    assert done.exit_code == 0, done.output
    assert "--leave-out means nothing to shop: 2024-01-09 is no batch date: these are Sundays" in done.stderr
