"""Which bronze tables a silver table asks for, read from the code that refines it."""

from __future__ import annotations

import ast

from nightshift.errors import DeclarationError
from nightshift.use_case import UseCase


def refine_functions(use_case: UseCase) -> dict[str, list[str]]:
    """Parameters by function of ``refine.py``, which is not imported for it, as it imports Spark.

    Raises:
        NightshiftError: if the file is not Python, with the line.
    """
    path = use_case.folder / "refine.py"
    if not path.is_file():
        return {}
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as error:
        raise DeclarationError(f"{path}, line {error.lineno}, is not valid Python: {error.msg}") from error
    return {node.name: [each.arg for each in node.args.args] for node in tree.body if isinstance(node, ast.FunctionDef)}
