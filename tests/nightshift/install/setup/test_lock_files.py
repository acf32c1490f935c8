"""The lock files fit the project, and a lock that does not is caught."""

from __future__ import annotations

import pytest

from nightshift.install.setup import lock_files

PROJECT = """
[project]
dependencies = ["numpy==2.4.*", "Psycopg2.Binary"]
[dependency-groups]
dev = ["pytest>=9"]
"""
GOOD = """numpy==2.4.6 ; python_full_version >= '3.11' \\
    --hash=sha256:aa
psycopg2-binary==2.9.13 \\
    --hash=sha256:bb
pytest==9.2.0 \\
    --hash=sha256:cc
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text(GOOD)
    return tmp_path / "pyproject.toml", tmp_path / "requirements.lock"


def test_the_checked_in_locks_fit():
    assert lock_files.main() == 0


def test_a_good_lock_has_no_faults(files):
    assert lock_files.unmet(*files, groups=("dev",)) == []
    assert lock_files.untrusted(files[1]) == []
    assert lock_files.pins_that_differ(files[1], files[1]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("numpy==2.4.6", "numpy==2.5.0", "numpy==2.4.*"),  # a pin that the project does not allow
        ("pytest==9.2.0", "pytest-timeout==9.2.0", "pytest>=9"),  # a requirement without a pin
    ],
)
def test_a_pin_that_does_not_fit_is_named(files, old, new, fault):
    files[1].write_text(GOOD.replace(old, new))
    (found,) = lock_files.unmet(*files, groups=("dev",))
    assert fault in found


def test_what_runs_is_pinned_without_the_tests_tools(files):
    files[1].write_text(GOOD.partition("pytest")[0])
    assert lock_files.unmet(*files) == []
    assert lock_files.unmet(*files, groups=("dev",)) != []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("numpy==2.4.6", "numpy==2.4.5"),  # another version than the tests ran with
        ("numpy==", "numpy-financial=="),  # a package that no test ran with
    ],
)
def test_a_pin_that_was_not_tested_is_named(files, tmp_path, old, new):
    runtime = tmp_path / lock_files.RUNTIME
    runtime.write_text(GOOD.replace(old, new))
    (found,) = lock_files.pins_that_differ(runtime, files[1])
    assert found.startswith(f"{lock_files.RUNTIME}: {new.partition('==')[0]} 2.4.")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    --hash=sha256:bb\n", ""),  # no digest
        ("psycopg2-binary==2.9.13", "psycopg2-binary @ https://example.org/p.whl"),  # an address
        ("numpy==", "--extra-index-url x\nnumpy=="),  # an option
    ],
)
def test_a_line_that_cannot_be_trusted_is_found(files, old, new):
    files[1].write_text(GOOD.replace(old, new))
    assert lock_files.untrusted(files[1])
