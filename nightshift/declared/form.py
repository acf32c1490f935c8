"""The form of everything that people declare in YAML: how a file is read and validated, and the base of its models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from nightshift.errors import DeclarationError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Model = TypeVar("Model", bound=BaseModel)


class Declared(BaseModel):
    """Base of everything that people write in YAML: unknown fields are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def load_yaml(model: type[Model], path: Path) -> Model:
    """Validate a YAML file against a model.

    Raises:
        NightshiftError: naming the file and each wrong field.
    """
    return validated(model, read_yaml(path), path)


def read_yaml(path: Path) -> Any:
    """Parse a YAML file.

    Raises:
        NightshiftError: if the file is not YAML, with the line.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path} is not valid YAML: {error}") from error


class _StrictLoader(yaml.SafeLoader):
    """YAML that does not name a thing twice: of two equal keys, PyYAML keeps the last and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys differ."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = sorted({key for key in keys if keys.count(key) > 1 and key != "<<"})
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {', '.join(twice)} stands twice in one place", node.start_mark
            )
        return super().construct_mapping(node, deep)


def validated(model: type[Model], raw: Any, path: Path) -> Model:
    """``raw`` as a ``model``.

    Raises:
        NightshiftError: naming the file and each wrong field.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        faults = "\n".join(
            f"  {'.'.join(str(part) for part in fault['loc']) or '(file)'}: {fault['msg']}{_unquoted(fault)}"
            for fault in error.errors()
        )
        raise DeclarationError(f"{path} is not a valid {model.__name__}:\n{faults}") from error


# What YAML 1.1 takes for true and false.
_WORDS = {True: "yes, on and true", False: "no, off and false"}


def _unquoted(fault: Mapping[str, Any]) -> str:
    """What to do where YAML took text for something else, like the country NO for false."""
    given = fault.get("input")
    if fault["type"] != "string_type" or given is None or isinstance(given, dict | list):
        return ""
    if isinstance(given, bool):
        word = "NO" if given is False else "ON"
        return f': YAML took it for {str(given).lower()}, as it does {_WORDS[given]}; put it in quotes, like "{word}"'
    kind = "number" if isinstance(given, int | float) else type(given).__name__
    return f": YAML took {given} for a {kind}; put it in quotes"
