"""Which bronze tables a silver table asks for, read from the code that refines it."""

from __future__ import annotations

import ast
from pathlib import Path

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError


def refine_functions(use_case: UseCase) -> dict[str, list[str]]:
    """Parameters by function of ``refine.py``, which is not imported for it, as it imports Spark.

    Raises:
        DeclarationError: if the file is not Python, with the line.
    """
    path = use_case.folder / "refine.py"
    if not path.is_file():
        return {}
    functions = [node for node in parsed_code(path).body if isinstance(node, ast.FunctionDef)]
    return {each.name: [given.arg for given in (*each.args.args, *each.args.kwonlyargs)] for each in functions}


def parsed_code(path: Path) -> ast.Module:
    """A file of Python, parsed and not run.

    Raises:
        DeclarationError: if the file is not Python, with the line.
    """
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise DeclarationError(f"{path}, line {line}, is not valid Python: {getattr(error, 'msg', error)}") from error
