"""The image's rules, read from its files, and `make image` with a Docker that only writes down what it is asked."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pandas
import pytest

from image import compile as compiled
from image import trim
from nightshift.errors import InstallationError
from nightshift.home.settings import PROJECT_DIR
from nightshift.install.setup import image
from nightshift.ledger.code_of_attempt import BAKED, code_version

TEXT = (PROJECT_DIR / "Dockerfile").read_text()
# One line per instruction, without comments.
STEPS = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
FINAL = STEPS[max(number for number, step in enumerate(STEPS) if step.startswith("FROM ")) :]
IGNORED = [line for line in (PROJECT_DIR / ".dockerignore").read_text().splitlines() if not line.startswith("#")]


def steps(word: str, of: list[str] = STEPS) -> list[str]:
    """What stands behind an instruction, once for each of its kind."""
    return [step.removeprefix(f"{word} ") for step in of if step.startswith(f"{word} ")]


def test_each_stage_comes_from_the_base_that_an_argument_names():
    stages = [re.fullmatch(r"(\S+)(?: AS (\S+))?", each) for each in steps("FROM")]
    bases, names = [each[1] for each in stages if each], [each[2] for each in stages if each]
    assert bases[0] == "${PYTHON_IMAGE}"
    assert set(bases[1:]) <= set(names)
    assert steps("ARG")[0].startswith("PYTHON_IMAGE=python:3.11-slim-")


def test_nothing_comes_from_an_address():
    assert not steps("ADD")
    assert "://" not in TEXT


def test_packages_are_checked_by_their_digests():
    installs = [command for step in steps("RUN") for command in step.split("&&") if " install " in command]
    # Debian's packages are signed; a folder is made; the project itself is there.
    of_python = [each for each in installs if "pip install" in each and "-e ." not in each]
    assert len(of_python) == 2
    assert all("--require-hashes" in each for each in of_python)
    assert "-r requirements-runtime.lock" in of_python[-1]


def test_the_final_image_has_no_tool_that_builds():
    assert steps("FROM", FINAL) == ["system"]
    system = next(step for step in steps("RUN") if "apt-get install" in step)
    assert "--no-install-recommends" in system
    assert not re.search(r"\b(gcc|g\+\+|cc|clang|make|build-essential|git|maven|\S+-dev|jdk\S*)\b", system)
    assert all("install" not in step for step in steps("RUN", FINAL))


def test_the_lists_of_what_is_trimmed_and_compiled_name_what_is_installed():
    packages = Path(pandas.__file__).parents[1]
    assert all(list((packages / package).rglob("tests")) for package in trim.TESTED)
    assert all((packages / name).is_dir() for name in trim.UNUSED)
    assert all(list((packages / "pyspark" / "jars").glob(pattern)) for pattern in trim.NATIVE_JARS)
    # Not imported: that takes 20 s, and the image's build does it.
    files = {
        name: packages / name.replace(".", "/")
        for name in (*compiled.AIRFLOW_MODULES, *compiled.MLFLOW_MODULES, *compiled.JOB_MODULES)
    }
    assert [name for name, file in files.items() if not file.is_dir() and not file.with_suffix(".py").is_file()] == []


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("librocksdbjni-linux64.so", True),  # this system, on both processors that images are made for
        ("linux/aarch64/libzstd-jni-1.5.7-7.so", True),
        ("org/xerial/snappy/native/Linux/x86_64/libsnappyjava.so", True),
        ("org/rocksdb/WindowsFiles.class", True),  # no library
        ("librocksdbjni-linux64-musl.so", False),
        ("librocksdbjni-osx-arm64.jnilib", False),
        ("win/amd64/libzstd-jni-1.5.7-7.dll", False),
        ("org/xerial/snappy/native/AIX/ppc/libsnappyjava.a", False),
    ],
)
def test_libraries_of_this_system_stay(name, stays, tmp_path):
    jar = tmp_path / "a.jar"
    with zipfile.ZipFile(jar, "w") as file:
        file.writestr(name, "x")
    trim.without_other_systems(jar)
    assert (zipfile.ZipFile(jar).namelist() == [name]) is stays


def test_it_runs_under_tini_as_a_user_without_rights():
    assert steps("USER", FINAL) == ["nightshift"]
    assert FINAL.index("USER nightshift") > max(FINAL.index(step) for step in FINAL if step.startswith(("COPY", "RUN")))
    assert "--uid 50000" in TEXT
    (entrypoint,) = steps("ENTRYPOINT")
    assert entrypoint.startswith('["tini", "--", ')
    script = entrypoint.split('"')[5].removeprefix("/opt/nightshift/")
    assert os.access(PROJECT_DIR / script, os.X_OK)
    assert not steps("HEALTHCHECK"), "each service has another one"


def test_it_sets_no_variable_for_which_each_start_would_start_again():
    assert not re.search(r"\bPYTHON(?!_IMAGE|PATH=\$\(echo)\w*=", TEXT)
    assert not re.search(r"PYTHON|LD_", " ".join(steps("ENV", FINAL)))


def test_version_and_commit_are_labels_and_the_commit_is_what_the_ledger_records():
    (labels,) = steps("LABEL")
    assert f'{image.REVISION}="${{REVISION}}"' in labels
    assert 'org.opencontainers.image.version="${VERSION}"' in labels
    assert f'echo "${{REVISION}}" >/opt/nightshift/{BAKED}' in steps("RUN", FINAL)


def test_only_what_is_named_reaches_the_engine():
    assert IGNORED[0] == "*"
    named = {line[1:] for line in IGNORED if line.startswith("!") and "*" not in line}
    assert all((PROJECT_DIR / each).exists() for each in named)
    declared = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())
    packages = {each.rstrip("*") for each in declared["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages | {"image", "plugins", "dags", "dbt"} <= named
    copied = {each for step in steps("COPY") if "--from" not in step for each in step.split()[:-1]} - {"."}
    assert {each.partition("/")[0] for each in copied if "*" not in each} <= named
    assert {f"!{re.sub(r'[][]', '', each)}" for each in copied if "*" in each} <= set(IGNORED)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Docker that answers with the files beside it, and its list of builds."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program = tmp_path / "docker"
    program.write_text(
        f"""#!/bin/sh
cd {tmp_path}
case $1 in
    version) [ ! -e silent ] || {{ echo "Cannot connect to the Docker daemon" >&2; exit 1; }} ;;
    image) cat label 2>/dev/null ;;
    build) echo "$DOCKER_BUILDKIT $*" >>builds; [ ! -e broken ] ;;
esac
"""
    )
    program.chmod(0o755)
    return tmp_path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one commit, of whose code the version is that of this one."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    person = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*person, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def builds(docker: Path) -> list[str]:
    """What Docker was asked to build."""
    return (docker / "builds").read_text().splitlines() if (docker / "builds").is_file() else []


def test_it_is_built_with_version_and_commit(docker, project):
    assert image.build(project) == "nightshift:1.2.3"
    given = f"--build-arg VERSION=1.2.3 --build-arg REVISION={code_version()}"
    assert builds(docker) == [f"1 build {given} --tag nightshift:1.2.3 {project}"]


def test_it_is_not_built_again_when_it_is_of_this_commit(docker, project):
    (docker / "label").write_text(f"{code_version()}\n")
    image.build(project)
    assert builds(docker) == []
    image.build(project, ["--no-cache"])
    assert len(builds(docker)) == 1, "options ask for a build"


@pytest.mark.parametrize(
    ("label", "file"),
    [
        ("0123456789ab", "pyproject.toml"),  # an image of another commit
        (None, "new.py"),  # of this one, and a file that Git does not know yet
        (None, "pyproject.toml"),  # of this one, and a change
    ],
)
def test_it_is_built_when_something_differs(docker, project, label, file):
    (docker / "label").write_text(f"{label or code_version()}\n")
    if label is None:
        with (project / file).open("a") as changed:
            changed.write("# changed\n")
    image.build(project)
    assert len(builds(docker)) == 1


@pytest.mark.parametrize(("fault", "said"), [("silent", "does not answer"), ("broken", "could not be built")])
def test_a_docker_that_fails_is_told_with_a_remedy(docker, project, fault, said):
    (docker / fault).touch()
    with pytest.raises(InstallationError, match=said) as refusal:
        image.build(project)
    assert refusal.value.remedy


def test_a_machine_without_docker_is_told_what_works_there(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(InstallationError, match="no Docker") as refusal:
        image.build(project)
    assert "make demo" in str(refusal.value)
