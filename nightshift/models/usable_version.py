"""Whether a registered model can score what is declared now; asked before it scores, and before it becomes champion."""

from __future__ import annotations

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.models.model_version import RegisteredModel


def refuse_unusable(model: RegisteredModel, use_case: UseCase) -> None:
    """Check a model against what its use case declares now.

    Raises:
        NightshiftError: if its task or its features are not those of the use case.
    """
    check_task(model, use_case)
    check_features(model, Catalog(use_case)[FEATURE_TABLE])


def check_task(model: RegisteredModel, use_case: UseCase) -> None:
    """Check the model's task against the use case's.

    Raises:
        NightshiftError: if they differ.
    """
    if model.task != use_case.task:
        raise DeclarationError(
            f"{model.name} version {model.version} was trained when the task of {use_case.name} was {model.task}, and "
            f"now it is {use_case.task}: take another version, or train a new model"
        )


def check_features(model: RegisteredModel, features: Table) -> None:
    """Check the model's signature against the feature table's declaration, by name.

    Raises:
        NightshiftError: if an input of the model is not a declared feature.
    """
    declared = {column.name: column for column in features.features}
    missing = sorted({*model.signature, *model.encoding.features} - declared.keys())
    if missing:
        raise DeclarationError(
            f"{model.name} version {model.version} needs {', '.join(missing)}, and {features.label} declares no such "
            "features: bring them back, take another version, or train a model on the features that there are"
        )
    encoding = model.encoding
    changed = [name for name in encoding.features if declared[name].categorical != (name in encoding.categories)]
    if changed:
        raise DeclarationError(
            f"{model.name} version {model.version} was trained when `categorical` of {', '.join(changed)} was declared "
            f"otherwise in {features.label}: undo that, take another version, or train a new model"
        )
