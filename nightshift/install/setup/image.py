"""Builds the image of this checkout, unless it is there: ``python -m nightshift.install.setup.image`` (`make image`).

What stands behind it goes to `docker build`, like ``--build-arg PYTHON_IMAGE=…``.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from nightshift import terminal
from nightshift.errors import InstallationError, NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ledger.code_of_attempt import CHANGES, code_version

REVISION = "org.opencontainers.image.revision"
_WITHOUT_DOCKER = "install Docker (docs.docker.com/engine/install), or stay with `make demo`, which needs none"
_WITHOUT_ENGINE = "start it (Linux: systemctl start docker), or ask its owner to add you to the group docker"


def main(arguments: Sequence[str]) -> int:
    """Print the name of the image that is there afterwards; the exit status is docker's where it fails."""
    try:
        image = build(get_settings().project_dir, arguments)
    except NightshiftError as error:
        terminal.echo(f"make image: {error}", fg="red", err=True)
        return error.exit_status
    terminal.echo(image)
    return 0


def build(project: Path, arguments: Sequence[str] = ()) -> str:
    """Build the image with version and commit as labels; with further arguments, also if it is there.

    Raises:
        InstallationError: without a Docker that answers, or if a step of the build fails.
    """
    version = str(tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    _ask_engine()
    image, revision = f"nightshift:{version}", code_version()
    is_committed = _is_committed(project)
    if not is_committed and not revision.endswith(CHANGES):
        # Files that Git does not know go into the image, as a use case that was dropped in.
        revision += CHANGES
    if not arguments and is_committed and _revision_of(image) == revision:
        terminal.echo(f"Image: {image} of {revision} is there")
        return image
    terminal.echo(f"Image: building {image} of {revision} (five minutes the first time) ...")
    labels = [f"VERSION={version}", f"REVISION={revision}"]
    given = [word for label in labels for word in ("--build-arg", label)]
    # Engines before 23 build in their old way unless they are told.
    environment = os.environ | {"DOCKER_BUILDKIT": "1"}
    command = ["docker", "build", *given, "--tag", image, *arguments, str(project)]
    if subprocess.run(command, env=environment, check=False).returncode:
        raise InstallationError(
            f"{image} could not be built",
            remedy="look at the message above. Packages come from Debian and PyPI, JARs from Maven Central",
        )
    return image


def _ask_engine() -> None:
    try:
        asked = _docker("version", "--format", "{{.Server.Version}}")
    except OSError:
        raise InstallationError("there is no Docker on this machine", remedy=_WITHOUT_DOCKER) from None
    if asked.returncode:
        raise InstallationError(f"Docker's engine does not answer: {asked.stderr.strip()}", remedy=_WITHOUT_ENGINE)


def _revision_of(image: str) -> str | None:
    """The commit that an image was built from; None where there is no such image."""
    asked = _docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{REVISION}"}}}}', image)
    return asked.stdout.strip() if asked.returncode == 0 else None


def _is_committed(project: Path) -> bool:
    """Whether the commit says all that would be in the image; files that Git does not know yet would be, too."""
    command = ["git", "-c", "safe.directory=*", "-C", str(project), "status", "--porcelain"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return asked.returncode == 0 and not asked.stdout.strip()


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
