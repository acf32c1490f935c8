"""How rows of a feature table become the matrix that a model is fitted on and scores from.

Training and scoring meet here and nowhere else: the encoding is kept with the model, so that a row is the same
vector on the day of training and on any night after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshift.errors import DeclarationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    # Not at run time: every Spark worker imports this module, and would pay for pydantic.
    from nightshift.declarations.tables import Column, Table

Category = str | int | bool
_QUANTITIES = frozenset({"int", "bigint", "double", "boolean"})
_CATEGORIES = frozenset({"string", "int", "bigint", "boolean"})


@dataclass(frozen=True)
class Encoding:
    """The order of a model's features, and the known values of those that are categories.

    Attributes:
        features: column names in the order of the matrix.
        categories: for each categorical feature its values in training; the code of a value is its position.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[Category, ...]]

    @classmethod
    def learned(cls, rows: pa.Table, columns: Iterable[Column]) -> Encoding:
        """The encoding of some features, with the categories that ``rows`` (the training period) hold."""
        columns = tuple(columns)
        categories = {
            column.name: tuple(sorted(pc.unique(rows[column.name]).drop_null().to_pylist()))
            for column in columns
            if column.categorical
        }
        return cls(tuple(column.name for column in columns), categories)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Encoding:
        """Read what :meth:`to_dict` gave."""
        return cls(tuple(raw["features"]), {name: tuple(values) for name, values in raw["categories"].items()})

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as they are kept with a model."""
        return {
            "features": list(self.features),
            "categories": {name: list(values) for name, values in self.categories.items()},
        }

    def matrix(self, rows: pa.Table | pa.RecordBatch) -> NDArray[np.float32]:
        """Rows as a matrix of shape (rows, features), columns taken by name.

        Missing values, and categories that training never saw, are NaN: the model then takes the way that
        it learned for missing values.
        """
        matrix = np.empty((rows.num_rows, len(self.features)), dtype=np.float32)
        for position, name in enumerate(self.features):
            matrix[:, position] = self._vector(name, rows.column(name))
        return matrix

    def _vector(self, name: str, values: pa.Array | pa.ChunkedArray) -> NDArray[np.float32]:
        if name in self.categories:
            known = pa.array(self.categories[name], type=values.type)
            values = pc.index_in(values, value_set=known, skip_nulls=True)
        elif pa.types.is_boolean(values.type):
            values = values.cast(pa.uint8())
        # Unsafe only in that a float32 keeps 24 bits of a larger number, the same in training and scoring.
        vector: NDArray[np.float32] = values.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
        return vector


def check_types(table: Table) -> None:
    """Refuse features that no matrix can hold, before any row is read.

    Raises:
        NightshiftError: naming the features, or saying that none is declared.
    """
    if not table.features:
        raise DeclarationError(f"{table.label} declares no feature: give its columns `role: feature` in their meta")
    wrong = [
        f"  {column.name}: {column.type}"
        for column in table.features
        if column.type not in (_CATEGORIES if column.categorical else _QUANTITIES)
    ]
    if wrong:
        raise DeclarationError(
            f"{table.label} declares features of types that a model cannot take; quantities are "
            f"{', '.join(sorted(_QUANTITIES))}, columns with `categorical: true` are "
            f"{', '.join(sorted(_CATEGORIES))}:\n" + "\n".join(wrong)
        )
