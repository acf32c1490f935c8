"""A person lets a model become champion, or does not: the form in Airflow, and what becomes of the answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param, timezone
from airflow.sdk.exceptions import AirflowSkipException

from nightshift.errors import DecisionError, DeclarationError, MissingError
from nightshift.person import WHO_LENGTH, WHY_LENGTH
from nightshift_airflow.retries import tells_people

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightshift.declarations.use_case import UseCase

TASK_ID = "approve"
# Who is written down where nobody answered in time.
NOBODY = "nobody"


class ApproveModel(ApprovalOperator):
    """Asks the people whom the use case names, shows them the comparison, and takes silence for a no.

    What follows is left to the tasks `promote` and `decline`, which find their orders in the XCom of this one; whatever
    is missing there counts as a no. It is skipped where no person is asked: the model was refused by its gates, or may
    become champion by itself.

    Args:
        trained: id of the task whose job registered the model.
    """

    ui_color = "#f2e6f7"

    def __init__(self, *, use_case: UseCase, trained: str, **kwargs: Any) -> None:
        approval = use_case.training.approval
        # Airflow has put those of the DAG there, which have no place in this form.
        kwargs["params"] = {"why": _why()}
        super().__init__(
            task_id=TASK_ID,
            subject=f"May the new model of {use_case.name} become champion?",
            assigned_users=[{"id": name, "name": name} for name in approval.by],
            # Without a timeout the task waits forever.
            response_timeout=dt.timedelta(hours=approval.timeout_hours),
            defaults=self.REJECT,
            **kwargs,
        )
        self.use_case = use_case
        self.trained = trained

    @tells_people
    def execute(self, context: Context) -> Any:
        """Ask, where a person is to be asked.

        Raises:
            AirflowSkipException: if none is; it says why.
            NightshiftError: if the training left no outcome, or another version became champion since.
        """
        told = {
            key: context["ti"].xcom_pull(task_ids=self.trained, key=key)
            for key in ("version", "approval", "refused", "subject", "comparison")
        }
        if told["subject"] is None:
            raise MissingError(f"{self.trained} has left no outcome: clear it, and with it this task")
        if told["version"] is None:
            why = f"not promoted, its gates refused the model: {told['refused']}. The champion stays"
            self._order(context, promote=False, decline=False, why=why)
            raise AirflowSkipException(why)
        if told["approval"] == "auto":
            why = "training.approval in use_case.yaml lets it become champion without a person"
            self._order(context, promote=True, decline=False, who="auto", why=why)
            raise AirflowSkipException(why)
        if not self.assigned_users:
            raise DeclarationError(
                "a person must approve, and training.approval.by in use_case.yaml names nobody: add a user of Airflow, "
                f"and clear {self.trained} and this task; or decide by hand: `nightshift models promote "
                f"{told['version']} --use-case {self.use_case.name} --who … --why …`. {told['subject']}"
            )
        self.subject, self.body = told["subject"], f"{self._deadline()}\n{told['comparison']}"
        self._offer(told["version"])
        self._refuse_never_compared(context)
        return super().execute(context)

    @tells_people
    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Take the answer; that of ApprovalOperator would skip the task that keeps a rejection.

        Raises:
            NightshiftError: if the form that was answered is about another version, or somebody approved after a
                comparison with a version that is champion no more.
        """
        version = context["ti"].xcom_pull(task_ids=self.trained, key="version")
        self._offer(version)
        if other := set(event.get("chosen_options", ())) - set(self.options):
            raise DecisionError(
                f"{', '.join(sorted(other))} was answered, and version {version} is asked about: {self.trained} was "
                "cleared and trained another model, and Airflow kept the form as it was. Nothing was decided; start a "
                "new run of this DAG"
            )
        answer = HITLOperator.execute_complete(self, context, event)
        approved = answer["chosen_options"] == [self.options[0]]
        hours = self.use_case.training.approval.timeout_hours
        user = event.get("responded_by_user")
        person = _name(user)
        # A no keeps the champion, whichever it is.
        if approved and person is not None:
            self._refuse_never_compared(context)
        why = _one_line(answer["params_input"].get("why")) or (
            "no reason was given" if person else f"nobody answered within {hours} hours"
        )
        # Whoever approved must be known: an answer that nobody gave is a no, whatever it says.
        approved = approved and person is not None
        self._order(
            context,
            promote=approved,
            decline=not approved,
            who=person or NOBODY,
            who_id=_assigned(user, self.use_case.training.approval.by),
            why=why,
            at=answer["responded_at"].isoformat(),
        )
        self.log.info("%s by %s: %s", "Approved" if approved else "Declined", person or NOBODY, why)
        return answer

    def _deadline(self) -> str:
        """By when an answer counts, in the zone of the people who give it, and who may give it."""
        approval = self.use_case.training.approval
        end = timezone.utcnow() + dt.timedelta(hours=approval.timeout_hours)
        local = end.astimezone(self.use_case.zone)
        return f"- **Answer by {local:%A, %Y-%m-%d %H:%M} ({self.use_case.timezone})**, {' or '.join(approval.by)}."

    def _offer(self, version: int) -> None:
        """Let the answers name the version: a form that was opened once is never renewed, whatever is trained later."""
        self.options = [f"{answer} version {version}" for answer in (self.APPROVE, self.REJECT)]
        self.defaults = self.options[1:]

    def _refuse_never_compared(self, context: Context) -> None:
        """Check the champion that the training judged its model beside against the one of now.

        Where it is another one, clearing this task would not help: Airflow keeps the form as it was when it was opened
        first, and takes the answer off only.
        """
        # The ledger's libraries are not for the process that reads DAG files.
        from nightshift.ledger.model_decisions import decisions
        from nightshift.models.champions.compared_before import refuse_never_compared

        version, compared = (context["ti"].xcom_pull(task_ids=self.trained, key=key) for key in ("version", "compared"))
        refuse_never_compared(self.use_case, decisions(self.use_case), version, compared)

    def _order(self, context: Context, *, promote: bool, decline: bool, why: str, **said: str) -> None:
        """Leave the orders; ``said`` is `who`, `who_id` and `at`, which are known where somebody answered."""
        orders = {"promote": promote, "decline": decline, "why": why, "who": NOBODY, "who_id": "", "at": "", **said}
        for key, value in orders.items():
            context["ti"].xcom_push(key=key, value=value)


def ordered(key: str) -> str:
    """Template of what the answer says: `promote` or `decline` (True or False), `who`, `who_id`, `why` or `at`."""
    return f"{{{{ ti.xcom_pull(task_ids='{TASK_ID}', key='{key}') }}}}"


def _why() -> Param:
    """The form's one field; were it required, the UI would not let anyone approve."""
    return Param(
        None,
        type=["null", "string"],
        title="Why",
        description_md=f"Kept with the decision, for whoever asks in a year; up to {WHY_LENGTH:,} characters.",
    )


def _one_line(text: object) -> str:
    """What a person wrote, as the ledger keeps it and a command line takes it."""
    printable = "".join(character if character.isprintable() else " " for character in str(text or ""))
    line = " ".join(printable.split()).lstrip("- ")
    return line if len(line) <= WHY_LENGTH else f"{line[: WHY_LENGTH - 2]} …"


def _assigned(user: Mapping[str, str] | None, people: Collection[str]) -> str:
    """What `training.approval.by` calls whoever answered: the id, or the user name where ids are numbers.

    The id, where it is neither: `promote` then refuses the answer.
    """
    name, number = ((user or {}).get(key) or "" for key in ("name", "id"))
    return name if name in people and number not in people else number


def _name(user: Mapping[str, str] | None) -> str | None:
    """Who answered, as the ledger keeps it."""
    if not user:
        return None
    name, number = user.get("name") or "", user.get("id") or ""
    return _one_line(name if name == number or not number else f"{name} ({number})")[:WHO_LENGTH] or None
