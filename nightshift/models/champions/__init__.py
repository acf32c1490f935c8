"""Which version of a model is champion of which batch dates, who decided it, and why.

The decisions in the ledger are the truth, and are only ever added to. Reigns follow from them (`reigns`); the alias
and the tags that people see in MLflow mirror them and are repaired where they differ (`mlflow_mirror`).
`decide_champion` promotes, rolls back and blocks; `affected` tells which scores a rollback leaves behind.
"""

from nightshift.ledger.model_decisions import Decision, decisions
from nightshift.models.champions.affected import Affected, affected
from nightshift.models.champions.approvers import approval_of
from nightshift.models.champions.decide_champion import block, decline, promote, roll_back, unblock
from nightshift.models.champions.first_date import default_first
from nightshift.models.champions.mlflow_mirror import ALIAS, repair
from nightshift.models.champions.reigns import Reign, blocked, coming, history, live_on, reign_on, reigns_of

__all__ = [
    "ALIAS",
    "Affected",
    "Decision",
    "Reign",
    "affected",
    "approval_of",
    "block",
    "blocked",
    "coming",
    "decisions",
    "decline",
    "default_first",
    "history",
    "live_on",
    "promote",
    "reign_on",
    "reigns_of",
    "repair",
    "roll_back",
    "unblock",
]
