"""The README of a pack: what each of its files is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nightshift.models.audit_pack.zip_file import CONTENTS

if TYPE_CHECKING:
    from nightshift.declarations.use_case import UseCase
    from nightshift.models.champions import Reign

# A file, or the folder that it lies in (with a slash at its end), and what it is; the first that fits holds.
_MEANINGS = (
    ("README.md", "This file."),
    (CONTENTS, "Size and SHA-256 of every other file."),
    ("card.html", "The model card with what was decided since it was written; begin here. It needs no network."),
    ("card.md", "The same as Markdown."),
    (
        "decisions/decisions.csv",
        "Promotions, rollbacks, refused approvals, blocks of this version: who, when, why.",
    ),
    ("decisions/champions.csv", "Which version of the model is champion of which batch dates, all versions."),
    ("data/delta_versions.json", "The tables that were trained on, at the versions that were read."),
    ("data/slices.csv", "Every published slice behind them, hop by hop, with run, code version and environment."),
    ("data/files.csv", "Every delivered file behind those slices with its SHA-256 and its row counts."),
    ("data/scored.csv", "The batch dates that this version has scored, and whether readers see those scores now."),
    ("registry/version.json", "The version as the registry has it, with its tags."),
    ("registry/run.json", "Parameters, metrics and tags of the MLflow run that made it."),
    ("model/MLmodel", "Signature, encoding of the features, calibration, threshold or interval."),
    ("model/model.lgb", "The trees, in LightGBM's text form; nothing is pickled."),
    ("model/input_example.json", "A few encoded rows that the model can be tried with."),
    ("model/", "A file of the model as MLflow keeps it."),
    ("run/gates.json", "Every gate: value, limit, verdict, meaning."),
    ("run/gates.txt", "The same as a table."),
    ("run/suspects.json", "Features that may know the outcome, with the evidence; cleared ones apart."),
    ("run/gates.yaml", "The gates of the use case as they were declared at the training; absent where it had none."),
    ("run/default_gates.yaml", "The gates that hold where those say nothing, as they were at the training."),
    ("run/use_case.yaml", "The use case as it was declared at the training: costs, approval, seed."),
    ("run/reasons.yaml", "The phrases of reasons as they were declared at the training."),
    ("run/measures.json", "All that was measured; on train, validation, test, of a constant and the champion."),
    ("run/features.json", "Features and their categories, those left out, and how far each drifted."),
    ("run/slices.json", "Measures of parts of the test period."),
    ("run/fairness.json", "Rates of groups of people and their ratios."),
    ("run/by_month.json", "Measures of each month of the test period."),
    ("run/skew.json", "Whether training saw the values that scoring saw."),
    ("run/calibration.json", "How raw scores become probabilities, and how reliable these were on test."),
    ("run/learning_curve.json", "Loss on train and validation after each round."),
    ("run/search.json", "The winner of the search."),
    ("run/trials.csv", "Every trial of the search."),
    ("run/data.json", "Periods, rows, and the share of outcomes that were known by batch date."),
    ("run/provenance.json", "Data versions, code version, environment, seed, study."),
    ("run/plots/", "A plot of the model card."),
    ("run/card/", "The model card as the training wrote it."),
    ("run/", "A file of the MLflow run."),
    ("code/requirements.lock", "All packages with their digests, as they are now."),
    ("code/use_cases/", "Declarations, SQL and code of the use case as they are now."),
    ("code/dbt/", "What its SQL shares with other use cases as it is now."),
)


def readme(
    use_case: UseCase,
    version: int,
    files: Iterable[str],
    reigns: Sequence[Reign],
    missing: Sequence[str],
    differences: Sequence[str],
) -> str:
    """The text, as Markdown.

    Args:
        files: names of all files of the pack but this one and the manifest.
        reigns: of this version.
        missing: what should be there and is not.
        differences: between the code of the training and this checkout.
    """
    live = ", ".join(reign.dates for reign in reigns) or "none"
    names = sorted({*files, "README.md", CONTENTS})
    return "\n".join(
        [
            f"# Audit pack of {use_case.model_name} version {version}",
            "",
            f"{use_case.title}. Owner: {use_case.owner}. Champion of batch dates: {live}.",
            "",
            *_listed("What is missing", missing, "Nothing that should be here is missing."),
            *_listed(
                "How this checkout differs from the training",
                differences,
                "Code version and environment are those of the training.",
            ),
            "## Files",
            "",
            "| file | what it is |",
            "|---|---|",
            *(f"| {name} | {meaning(name)} |" for name in names),
            "",
            f"To check that none was changed, compare each file's SHA-256 with {CONTENTS}. The same state of registry, "
            "ledger and checkout gives the same zip, byte by byte. To compute a score of this model again: "
            f"`nightshift replay --use-case {use_case.name} --date <batch date>`.",
            "",
        ]
    )


def meaning(name: str) -> str:
    """What a file of a pack is."""
    return next(words for of, words in _MEANINGS if name == of or (of.endswith("/") and name.startswith(of)))


def _listed(title: str, sentences: Sequence[str], otherwise: str) -> list[str]:
    return [f"## {title}", "", *([f"- {sentence}" for sentence in sentences] or [otherwise]), ""]
