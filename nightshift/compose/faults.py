"""What the smoke does to services while nights run, and what then becomes of the run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from nightshift.compose.api import Airflow, until
from nightshift.compose.docker import COMPOSE, ask

USE_CASE = "flight_delays"
# How long a service that is stopped stays away.
AWAY_SECONDS = 45
# A run that was hit ends well within these.
HEALED_SECONDS = 600
_WAITS = 1800


@dataclass(frozen=True)
class Fault:
    """Something that happens to a service while a task runs.

    Attributes:
        what: in words, for the table.
        moment: what the task has logged when it happens.
        pause: seconds after that.
    """

    what: str
    service: str
    dag: str
    run: str
    task: str
    moment: str
    act: Callable[[str], None]
    pause: float = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a run that was hit.

    Attributes:
        seconds: from the fault to the end of the run that it hit.
        tries: of the task that it hit.
    """

    what: str
    seconds: float
    tries: int
    is_well: bool
    said: str

    def row(self) -> tuple[str, str, str, str]:
        """For the table of the smoke."""
        tries = f"{self.tries} {'try' if self.tries == 1 else 'tries'}" if self.tries else ""
        return (self.what, f"{self.seconds:.0f} s" if self.seconds else "", tries, self.said)


def kill(service: str, process: str) -> None:
    """Kill a process of a service as the kernel would; the container ends with it, and Docker starts it again."""
    ask(*COMPOSE, "exec", "-T", service, "sh", "-c", _KILL.format(process=process))


# Without `ps` and `pkill`, which the image lacks: the shell's own command holds the words, too, and is left.
_KILL = (
    "for p in /proc/[0-9]*; do n=${{p#/proc/}}; [ $n = $$ ] || [ $n = 1 ] || "
    "(tr '\\0' ' ' <$p/cmdline | grep -q '{process}' && kill -9 $n); done 2>/dev/null; true"
)


def away(service: str) -> None:
    """Stop a service for a while."""
    ask(*COMPOSE, "stop", service)
    time.sleep(AWAY_SECONDS)
    ask(*COMPOSE, "start", service)


def restart_in_publish(run: str) -> Callable[[str], None]:
    """Restarts PostgreSQL between two tables that one job publishes, milliseconds apart.

    The server itself looks for the moment and cuts every connection there; then it ends, and Docker starts it again.
    """

    def act(service: str) -> None:
        published = f"SELECT count(*) FROM entries WHERE run_id = '{run}' AND stage = 'land' AND status = 'published'"
        loop = (
            f"DO $$ BEGIN LOOP EXIT WHEN ({published}) > 0; PERFORM pg_sleep(0.001); END LOOP; "
            "PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'; END $$"
        )
        script = (
            'psql --quiet --username postgres ledger --command "$1"; psql -qtA -U postgres ledger -c "$2"; kill -INT 1'
        )
        told = ask(
            *(*COMPOSE, "exec", "-T", "--user", "postgres", service, "timeout", "300", "sh", "-c", script, "sh"),
            *(loop, published),
        )
        print(f"{'':9}tables published at that moment: {told.stdout.strip() or told.stderr.strip()}", flush=True)

    return act


def faults(nights: tuple[str, str, str], challenger: str) -> list[Fault]:
    """In the order in which the demo comes to them.

    Args:
        nights: batch dates of the demo.
        challenger: id of the run that trains the second model.
    """
    night = f"{USE_CASE}_nightly"
    return [
        Fault(
            "Spark worker killed in features",
            "spark-worker",
            *(night, f"demo__{nights[0]}", "features", "Spark: "),
            lambda service: kill(service, "deploy.worker.Worker"),
            pause=6,
        ),
        Fault(
            "PostgreSQL restarted in publish",
            "postgres",
            *(night, f"demo__{nights[1]}", "land", "Spark: "),
            restart_in_publish(f"demo__{nights[1]}"),
        ),
        Fault(
            "scheduler killed in a night",
            "scheduler",
            *(night, f"demo__{nights[2]}", "refine", "Spark: "),
            lambda service: kill(service, "airflow"),
            pause=4,
        ),
        Fault(
            "MLflow stopped in train",
            "mlflow",
            *(f"{USE_CASE}_train", challenger, "train", "Spark: "),
            away,
            pause=10,
        ),
    ]


def play(
    fault: Fault,
    airflow: Airflow,
    say: Callable[[str], None],
    is_over: Callable[[], bool],
    clears: Callable[[], int],
) -> Outcome:
    """Wait for the moment, let it happen, and see the run through.

    Args:
        is_over: whether the demo has ended.
        clears: how often somebody cleared failed tasks of any run so far.
    """

    def log() -> str:
        return airflow.log(fault.dag, fault.run, fault.task, 1)

    if not until(lambda: is_over() or re.search(fault.moment, log()), _WAITS) or not re.search(fault.moment, log()):
        return Outcome(fault.what, 0, 0, False, f"{fault.run}: {fault.task} never came to {fault.moment!r}")
    time.sleep(fault.pause)
    if _task(fault, airflow).get("state") != "running":
        return Outcome(fault.what, 0, 0, False, f"{fault.task} had ended before: nothing was played")
    say(f"{fault.what}: now")
    began, before, cleared = time.monotonic(), _started(fault.service), clears()
    fault.act(fault.service)
    is_well = until(lambda: _is_through(fault, airflow), HEALED_SECONDS)
    task = _task(fault, airflow)
    seconds, tries = time.monotonic() - began, int(str(task.get("try_number", 0)))
    cleared = clears() - cleared
    said = f"after {cleared} clear" if cleared else "by itself"
    if not is_well or cleared > 1:
        is_well, said = False, f"{fault.task} is {task.get('state')}, {said}"
    if _started(fault.service) == before:
        is_well, said = False, f"{fault.service} never ended: nothing was played"
    say(f"{fault.what}: {said} after {seconds:.0f} s, {tries} tries")
    return Outcome(fault.what, seconds, tries, is_well, said)


def _is_through(fault: Fault, airflow: Airflow) -> bool:
    """Whether the run has come to its end, or asks a person."""
    tasks = {str(task["task_id"]): task.get("state") for task in airflow.tasks(fault.dag, fault.run)}
    asks = "awaiting_input" in tasks.values()
    return tasks.get(fault.task) == "success" and (asks or airflow.run(fault.dag, fault.run).get("state") == "success")


def _task(fault: Fault, airflow: Airflow) -> dict[str, object]:
    found = {task["task_id"]: task for task in airflow.tasks(fault.dag, fault.run)}
    return dict(found.get(fault.task, {}))


def _started(service: str) -> str:
    """When the container of a service began."""
    (container,) = ask(*COMPOSE, "ps", "--quiet", service).stdout.split()[:1] or [""]
    return ask("docker", "inspect", "--format", "{{.State.StartedAt}}", container).stdout.strip()
