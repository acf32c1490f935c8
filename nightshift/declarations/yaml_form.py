"""The form of everything that people declare in YAML: how a file is read and validated, and the base of its models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NoReturn, Self, TypeVar, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from nightshift.errors import DeclarationError
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings


def _is_cron(text: str) -> str:
    # Nothing else needs it, and most programs read use cases.
    from croniter import croniter

    if len(text.split()) != 5 or not croniter.is_valid(text):
        raise ValueError(f"{text!r} is no cron expression, like `0 5 * * *` for five o'clock each day")
    ticks = croniter(text, dt.datetime(2023, 12, 31, 23, 59))
    days = [ticks.get_next(dt.datetime).date() for _ in range(50)]
    if len(set(days)) < len(days):
        raise ValueError(
            f"{text!r} ticks more than once a day, and a run stands for a day: name one minute and one hour, like "
            "`0 5 * * *`"
        )
    return text


Cron = Annotated[str, AfterValidator(_is_cron)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Model = TypeVar("Model", bound=BaseModel)
Place = Sequence[int | str]
YAML_KINDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}


class Declared(BaseModel):
    """Base of everything that people write in YAML: unknown fields are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic takes true for 1, and YAML takes yes and on for true."""
        if isinstance(value, bool):
            kind = cls.model_fields[str(info.field_name)].annotation
            kinds = get_args(kind) or (kind,)
            if {int, float}.intersection(kinds) and bool not in kinds:
                raise ValueError("must be a number")
        return value


class InHome(Declared):
    """Base of declarations that have things of their own in a home.

    The home is no field: it is neither read from the YAML, nor printed, nor sent to executors, which need no password.
    """

    _home: Settings | None = PrivateAttr(None)

    @property
    def home(self) -> Settings:
        """Where its things are."""
        if self._home is None:
            raise RuntimeError(f"{self!r:.80} is in no home: bind it with `within`")
        return self._home

    def within(self, home: Settings) -> Self:
        """The same declaration, bound to a home."""
        bound = self.model_copy()
        bound._home = home
        return bound

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "__pydantic_private__": {"_home": None}}


def load_yaml(model: type[Model], path: Path) -> Model:
    """Validate a YAML file against a model.

    Raises:
        DeclarationError: naming the file, and line and name of each wrong field.
    """
    raw = read_mapping(path)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        lines = [f"{where}: {'.'.join(map(str, field))}: {said}" for where, field, said in faults(error, path, model)]
        raise DeclarationError("\n".join(lines)) from error


def read_mapping(path: Path, *, may_be_empty: bool = False) -> dict[Any, Any]:
    """Parse a YAML file that must hold a mapping.

    Args:
        may_be_empty: whether an empty file holds an empty one, as for dbt.

    Raises:
        DeclarationError: if it is missing, or holds something else.
    """
    raw = read_yaml(path)
    if raw is None and may_be_empty:
        return {}
    if not isinstance(raw, dict):
        raise DeclarationError(f"{path}, line 1: must hold a mapping, like `name: value`, and holds {kind_of(raw)}")
    return raw


def read_yaml(path: Path) -> Any:
    """Parse a YAML file; None where it is empty.

    Raises:
        DeclarationError: if it can't be read, or is not YAML, with the line.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DeclarationError(f"{path} is missing") from error
    except OSError as error:
        raise unusable(f"{path} can't be read", error) from error
    try:
        return yaml.load(raw, Loader=_StrictLoader)  # type: ignore[arg-type]
    except yaml.reader.ReaderError as error:
        line = raw[: error.position].count(b"\n") + 1
        raise DeclarationError(f"{path}, line {line}, is not text in UTF-8: save the file as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        is_form = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
        raise DeclarationError(
            f"{path}, line {mark.line + 1 if mark else 1}, is not valid YAML: {said}",
            remedy="correct the indentation, quotes or brackets there, or on the line before" if is_form else None,
        ) from error
    except RecursionError as error:
        raise DeclarationError(f"{path} is not valid YAML: it is nested too deeply") from error


def mappings(path: Path, parent: Any, key: str, place: Place = ()) -> list[dict[Any, Any]]:
    """The mappings that a mapping of a file lists under a key; none where it has no such key.

    Raises:
        DeclarationError: naming the line of what is something else.
    """
    found = parent.get(key, [])
    if not isinstance(found, list):
        _refuse(path, (*place, key), "a list", found)
    for number, each in enumerate(found):
        if not isinstance(each, dict):
            _refuse(path, (*place, key, number), "a mapping, beginning with `name:`", each)
    return found


def mapping(path: Path, parent: Any, key: str, place: Place = ()) -> dict[Any, Any]:
    """The mapping that a mapping of a file has under a key; an empty one where it has no such key.

    Raises:
        DeclarationError: naming the line of what is something else.
    """
    found = parent.get(key, {})
    if not isinstance(found, dict):
        _refuse(path, (*place, key), "a mapping", found)
    return found


def faults(
    error: ValidationError, path: Path, model: type[BaseModel], place_of: Callable[[Place], Place] = tuple
) -> Iterator[tuple[str, Place, str]]:
    """What pydantic found wrong with (a part of) a file: file and line, the field, and words.

    Args:
        model: that the part was validated against.
        place_of: where in the file a field of the validated part stands.
    """
    tree = _tree(path)
    for fault in error.errors():
        node = _find(tree, place_of(fault["loc"]))
        written = node.value if isinstance(node, yaml.ScalarNode) else None
        where = f"{path}, line {node.start_mark.line + 1}" if node else str(path)
        yield where, fault["loc"], _said(fault, written, model)


def kind_of(raw: object) -> str:
    """What YAML made of something, for people."""
    return YAML_KINDS.get(type(raw), type(raw).__name__)


def line_of(path: Path, place: Place) -> str:
    """File and line of a place in it, for people."""
    node = _find(_tree(path), place)
    return f"{path}, line {node.start_mark.line + 1}" if node else str(path)


def _refuse(path: Path, place: Place, expected: str, found: object) -> NoReturn:
    field = ".".join(str(part) for part in place)
    remedy = f"give it a value, or take `{place[-1]}:` away" if found is None else None
    raise DeclarationError(
        f"{line_of(path, place)}: {field}: must be {expected}, and is {kind_of(found)}", remedy=remedy
    )


def _said(fault: Any, written: str | None, model: type[BaseModel]) -> str:
    said = str(fault["msg"]).removeprefix("Value error, ")
    value = fault.get("input")
    if fault["type"] == "missing":
        return "is missing: it must be given"
    if fault["type"] == "extra_forbidden":
        *place, name = fault["loc"]
        likely = get_close_matches(str(name), _fields(model, place), n=1)
        return f"there is no such field: {f'is `{likely[0]}` meant?' if likely else 'correct its name, or remove it'}"
    if fault["type"] == "string_type":
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        if value is None or isinstance(value, dict | list):
            return f"must be text, and is {kind_of(value)}"
        if written is None:
            return "must be text, and is none: put it in quotes (YAML reads yes, no, on and off as true or false)"
        misread = f", and YAML reads {written} without quotes as {shown}" if written != shown else ""
        return f'must be text{misread}: write "{written}"'
    if isinstance(value, bool) and written is not None and written.lower() not in ("true", "false"):
        return f'{said}; YAML reads {written} without quotes as {str(value).lower()}: write "{written}" for the text'
    if fault["type"] in ("model_type", "dict_type", "tuple_type", "list_type"):
        expected = "a mapping" if fault["type"] in ("model_type", "dict_type") else "a list"
        return f"must be {expected}, and is {kind_of(value)}"
    return said


def _fields(kind: Any, place: Place) -> list[str]:
    """Names of the fields that a declaration may have at a place of it; none where that can't be told."""
    models = list(_models(kind))
    if not place:
        return [name for model in models for name in model.model_fields]
    found = next((model.model_fields[str(place[0])] for model in models if place[0] in model.model_fields), None)
    # Of a list or a mapping, each item has the same form.
    return _fields(found.annotation if found else kind, place[1:])


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)


def _tree(path: Path) -> yaml.Node | None:
    return yaml.compose(path.read_bytes(), Loader=_Loader)  # type: ignore[arg-type]


def _find(node: yaml.Node | None, place: Place) -> yaml.Node | None:
    """The innermost node on the way to a place; what the file lacks, like a field that is missing, is skipped."""
    for part in place:
        child = _child(node, part)
        node = node if child is None else child
    return node


def _child(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        return node.value[part] if isinstance(part, int) and part < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        found = [value for key, value in node.value if key.value == part]
        return found[-1] if found else None
    return None


if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _Loader(yaml.composer.Composer, CParser, yaml.constructor.SafeConstructor, yaml.resolver.Resolver):
        """libyaml's parser, ten times as fast; its own composer would overflow the stack on what is nested deeply."""

        def __init__(self, stream: bytes) -> None:
            CParser.__init__(self, stream)
            yaml.composer.Composer.__init__(self)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)

else:

    class _Loader(yaml.SafeLoader):  # type: ignore[no-redef]
        """The same in Python, where PyYAML was built without libyaml."""


class _StrictLoader(_Loader):
    """YAML that does not name a thing twice: of two equal keys, PyYAML keeps the last and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys differ."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = sorted({key for key in keys if keys.count(key) > 1 and key != "<<"})
        if twice:
            self._refuse(node, f"the key {', '.join(twice)} stands twice in one place")
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """A value; what looks like a date or a number and is none is refused with its line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            self._refuse(node, f"{node.value} is no value that there is ({error})")

    def construct_document(self, node: yaml.Node) -> Any:
        """A document of which no part holds itself."""
        self._refuse_loops(node, set(), set())
        return super().construct_document(node)

    def _refuse_loops(self, node: yaml.Node, above: set[int], done: set[int]) -> None:
        if isinstance(node, yaml.ScalarNode) or id(node) in done:
            return
        if id(node) in above:
            self._refuse(node, "it holds itself, by an alias of its own anchor")
        above.add(id(node))
        for child in node.value:
            for each in child if isinstance(child, tuple) else (child,):
                self._refuse_loops(each, above, done)
        above.discard(id(node))
        done.add(id(node))

    @staticmethod
    def _refuse(node: yaml.Node, problem: str) -> NoReturn:
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
