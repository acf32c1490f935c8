"""The fields of ``use_case.yaml``, from the models that read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nightshift.catalogue.generated_files import MARK, Generated, markdown_table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, Settings

PAGE = PROJECT_DIR / "docs" / "reference" / "use_case.md"
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false", "date": "date"}


def generated(_: Settings) -> Generated:
    """The page."""
    return Generated(pages(), [PAGE])


def pages() -> dict[Path, str]:
    """The text of the page by its path."""
    lines = [
        "# Fields of `use_case.yaml`",
        "",
        f"<!-- {MARK} -->",
        "",
        "What stands in `use_cases/<name>/use_case.yaml`. A field that is not known is an error, with file and field.",
        "",
    ]
    places = dict(sections(UseCase))
    for model, title in places.items():
        lines += [f"## {f'`{title}`' if title else 'The use case'}", "", _about(model), ""]
        lines += [*markdown_table(["Field", "Type", "Default", "Meaning"], list(_rows(model, places))), ""]
    return {PAGE: "\n".join(lines)}


def sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """A model and those below it, each with the path of its field; of several alike, that of all."""
    yield model, path
    fields = {name: below for name, field in model.model_fields.items() if (below := model_of(field)) is not None}
    for name, below in fields.items():
        is_one_of_several = list(fields.values()).count(below) > 1
        yield from sections(below, f"{path}.{'each' if is_one_of_several else name}".lstrip("."))


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a mapping of further fields; else None."""
    kinds = [field.annotation, *get_args(field.annotation)]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _rows(model: type[BaseModel], places: Mapping[type[BaseModel], str]) -> Iterator[list[str]]:
    for name, field in model.model_fields.items():
        below = model_of(field)
        if below is not None:
            anchor = re.sub(r"[^a-z0-9_]", "", places[below])
            default = "needed" if field.is_required() else "none" if field.default is None else "see there"
            yield [f"`{name}`", f"[fields](#{anchor})", default, field.description or _about(below)]
        else:
            yield [f"`{name}`", _type(field), _default(field), field.description or ""]


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").replace("``", "`").split())


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{words} {getattr(each, bound)}"
        for each in field.metadata
        for bound, words in _BOUNDS.items()
        if getattr(each, bound, None) is not None
    ]
    return ", ".join([_name(field.annotation), *bounds])


def _name(kind: Any) -> str:
    """A type in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_name(each) for each in arguments if each is not NoneType))
    if origin is tuple:
        return f"list of {_name(arguments[0])}"
    if origin is dict:
        return f"mapping of {_name(arguments[0])} to {_name(arguments[1])}"
    # What stands beside a type that is annotated are its rules.
    if hasattr(kind, "__metadata__"):
        return _name(arguments[0])
    return _TYPES.get(kind) or _TYPES.get(getattr(kind, "__name__", "")) or str(getattr(kind, "__name__", kind))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    if value is None:
        return "none"
    if value in ((), {}):
        return "empty"
    return f"`{value}`"
