"""What the smoke does to services while nights run, and what then becomes of the run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from nightshift.install.compose.docker import COMPOSE, ask
from nightshift.install.compose.example import EXAMPLE
from nightshift.install.compose.smoke_api import Airflow, until

# How long a service that is stopped stays away at most.
AWAY_SECONDS = 300
# A run that was hit ends well within these.
HEALED_SECONDS = 600
_WAITS = 1800


@dataclass(frozen=True)
class Hit:
    """That a fault has happened.

    Attributes:
        at: moment, by the monotonic clock.
        missed: why it was none, in words; empty where it was one.
    """

    at: float
    missed: str = ""


@dataclass(frozen=True)
class ServiceFault:
    """Something that happens to a service while a task runs.

    Attributes:
        what: in words, for the table.
        moment: what the task has logged when it happens.
        act: does it; the second argument tells whether the task still runs.
        pause: seconds after the moment.
    """

    what: str
    service: str
    dag: str
    run: str
    task: str
    moment: str
    act: Callable[[str, Callable[[], bool]], Hit]
    pause: float = 0


@dataclass(frozen=True)
class FaultOutcome:
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


def kill(process: str) -> Callable[[str, Callable[[], bool]], Hit]:
    """Kills a process as the kernel would; its container ends with it, and Docker starts it again."""

    def act(service: str, _: Callable[[], bool]) -> Hit:
        at = time.monotonic()
        ask(*COMPOSE, "exec", "-T", service, "sh", "-c", _KILL.format(process=process))
        return Hit(at)

    return act


# Without `ps` and `pkill`, which the image lacks: the shell's own command holds the words, too, and is left.
_KILL = (
    "for p in /proc/[0-9]*; do n=${{p#/proc/}}; [ $n = $$ ] || [ $n = 1 ] || "
    "(tr '\\0' ' ' <$p/cmdline | grep -q '{process}' && kill -9 $n); done 2>/dev/null; true"
)


def away_until_missed(service: str, runs: Callable[[], bool]) -> Hit:
    """Stop a service until the task has failed for want of it, and then start it again."""
    at = time.monotonic()
    ask(*COMPOSE, "stop", service)
    is_missed = until(lambda: not runs(), AWAY_SECONDS)
    ask(*COMPOSE, "start", service)
    return Hit(at, "" if is_missed else f"nobody asked for it within {AWAY_SECONDS} s")


def restart_in_publish(run: str) -> Callable[[str, Callable[[], bool]], Hit]:
    """Restarts PostgreSQL between two tables that one job publishes, milliseconds apart.

    The server itself looks for the moment and cuts every connection there; then it ends, and Docker starts it again.
    """

    def act(service: str, _: Callable[[], bool]) -> Hit:
        entries = f"FROM entries WHERE run_id = '{run}' AND table_name LIKE 'bronze.%'"
        loop = (
            f"DO $$ BEGIN LOOP EXIT WHEN (SELECT count(*) {entries} AND status = 'published') > 0; "
            "PERFORM pg_sleep(0.001); END LOOP; PERFORM pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'; END $$"
        )
        counts = f"SELECT count(*) FILTER (WHERE status = 'published'), count(*) {entries}"
        psql = "psql --quiet --tuples-only --no-align --username postgres ledger --command"
        script = f'{psql} "$1" && {psql} "$2" && kill -INT 1'
        command = (*COMPOSE, "exec", "-T", "--user", "postgres", service, "timeout", "300", "sh", "-c", script, "sh")
        told = ask(*command, loop, counts)
        counted = re.fullmatch(r"(\d+)\|(\d+)", told.stdout.strip())
        if told.returncode or counted is None:
            return Hit(time.monotonic(), f"the moment was not found: {told.stdout} {told.stderr}".strip())
        published, all_of_them = map(int, counted.groups())
        is_between = 0 < published < all_of_them
        return Hit(time.monotonic(), "" if is_between else f"{published} of {all_of_them} tables were published")

    return act


def planned(training: str, nights: tuple[str, str, str]) -> list[ServiceFault]:
    """In the order in which the demo comes to them.

    Args:
        training: id of the run that trains the model.
        nights: batch dates of the demo.
    """
    night = f"{EXAMPLE}_nightly"
    runs = [f"demo__{date}" for date in nights]
    return [
        ServiceFault(
            "MLflow stopped in train",
            *("mlflow", f"{EXAMPLE}_train", training, "train", "Spark: "),
            away_until_missed,
        ),
        ServiceFault(
            "Spark worker killed in features",
            *("spark-worker", night, runs[0], "features", "Spark: "),
            kill("deploy.worker.Worker"),
            pause=6,
        ),
        ServiceFault(
            "PostgreSQL restarted in publish",
            *("postgres", night, runs[1], "land", "Spark: "),
            restart_in_publish(runs[1]),
        ),
        ServiceFault(
            "scheduler killed in a night",
            *("scheduler", night, runs[2], "refine", "Spark: "),
            kill("airflow"),
            pause=4,
        ),
    ]


def play(
    fault: ServiceFault,
    airflow: Airflow,
    say: Callable[[str], None],
    is_over: Callable[[], bool],
    clears: Callable[[], int],
) -> FaultOutcome:
    """Wait for the moment, let it happen, and see the run through.

    Args:
        is_over: whether the demo has ended.
        clears: how often somebody cleared failed tasks of any run so far.
    """

    def log() -> str:
        return airflow.log(fault.dag, fault.run, fault.task, 1)

    if not until(lambda: is_over() or re.search(fault.moment, log()), _WAITS) or not re.search(fault.moment, log()):
        return FaultOutcome(fault.what, 0, 0, False, f"{fault.run}: {fault.task} never came to {fault.moment!r}")
    time.sleep(fault.pause)
    if _task(fault, airflow).get("state") != "running":
        return FaultOutcome(fault.what, 0, 0, False, f"{fault.task} had ended before: nothing was played")
    say(f"{fault.what}: now")
    before, cleared = _started(fault.service), clears()
    hit = fault.act(fault.service, lambda: _task(fault, airflow).get("state") == "running")
    is_well = until(lambda: _is_through(fault, airflow), HEALED_SECONDS - (time.monotonic() - hit.at))
    task = _task(fault, airflow)
    seconds, tries = time.monotonic() - hit.at, int(str(task.get("try_number", 0)))
    cleared = clears() - cleared
    said = f"after {cleared} clear" if cleared else "by itself"
    if not is_well or cleared > 1:
        is_well, said = False, f"{fault.task} is {task.get('state')}, {said}"
    if missed := hit.missed or ("" if _started(fault.service) != before else f"{fault.service} never ended"):
        is_well, said = False, f"nothing was played: {missed}"
    say(f"{fault.what}: {said} after {seconds:.0f} s, {tries} {'try' if tries == 1 else 'tries'}")
    return FaultOutcome(fault.what, seconds, tries, is_well, said)


def _is_through(fault: ServiceFault, airflow: Airflow) -> bool:
    """Whether the run has come to its end, or asks a person."""
    tasks = {str(task["task_id"]): task.get("state") for task in airflow.tasks(fault.dag, fault.run)}
    asks = "awaiting_input" in tasks.values()
    return tasks.get(fault.task) == "success" and (asks or airflow.run(fault.dag, fault.run).get("state") == "success")


def _task(fault: ServiceFault, airflow: Airflow) -> dict[str, object]:
    found = {task["task_id"]: task for task in airflow.tasks(fault.dag, fault.run)}
    return dict(found.get(fault.task, {}))


def _started(service: str) -> str:
    """When the container of a service began."""
    (container,) = ask(*COMPOSE, "ps", "--quiet", service).stdout.split()[:1] or [""]
    return ask("docker", "inspect", "--format", "{{.State.StartedAt}}", container).stdout.strip()
