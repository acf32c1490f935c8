"""One service as the supervisor starts it: its output goes straight into its log.

Through a pipe to the supervisor, as is supervisord's way, every service and the task that it runs would end at their
next line once the supervisor is killed. The command stands in a file, as a configuration would read signs in it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

PROGRAMS_FILE = "programs.json"


def main() -> None:
    """Become the program that is named."""
    file = Path(os.environ["NIGHTSHIFT_HOME"], "run", PROGRAMS_FILE)
    program = json.loads(file.read_text(encoding="utf-8"))[sys.argv[1]]
    log = os.open(program["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for output in (1, 2):
        os.dup2(log, output)
    os.execvp(program["command"][0], program["command"])


if __name__ == "__main__":
    main()
