"""Only a folder that nightshift filled may carry the mark that `clean` trusts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from nightshift.errors import NightshiftError
from nightshift.home.home_folder import is_home, prepare_home
from nightshift.home.settings import Settings
from nightshift.install.services.stop import clean


def test_a_home_that_a_job_created_gets_its_mark(tmp_path):
    settings = Settings(home=tmp_path / "home")
    settings.landing.path.mkdir(parents=True)
    prepare_home(settings)
    assert is_home(settings.home)
    assert settings.run.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["thesis.tex", ".bashrc"])
def test_a_folder_of_other_things_is_neither_marked_nor_removed(tmp_path, name):
    (tmp_path / name).write_text("years of work")
    settings = Settings(home=tmp_path)
    with pytest.raises(NightshiftError, match=f"it holds {name}"):
        prepare_home(settings)
    with pytest.raises(NightshiftError, match=r"is not removed"):
        clean(print, settings)
    assert (tmp_path / name).read_text() == "years of work"


def test_a_link_to_a_home_is_not_removed(tmp_path):
    prepare_home(Settings(home=tmp_path / "home"))
    (tmp_path / "link").symlink_to(tmp_path / "home")
    with pytest.raises(NightshiftError, match="is not removed"):
        clean(print, Settings(home=tmp_path / "link"))
    assert is_home(tmp_path / "home")


def test_clean_removes_a_home_whole(tmp_path):
    settings = Settings(home=tmp_path / "home")
    prepare_home(settings)
    for number in range(300):
        (settings.home / "lake" / f"{number}").mkdir(parents=True)
    with ThreadPoolExecutor() as threads:
        # A person asks twice at once.
        at_once = [threads.submit(clean, print, settings) for _ in range(2)]
    assert [each.exception() for each in at_once] == [None, None]
    assert not settings.home.exists()
