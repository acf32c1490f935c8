"""The rows' values of `training.independent_unit`, as numbers that every run gives alike."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nightshift.declarations.training_section import BATCH_DATE
from nightshift.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def units_of(rows: pa.Table, unit: str, period: str) -> NDArray[np.uint64] | None:
    """The hash of each row's value, shape (rows,); None where batch dates are the units.

    Python's own hash of a text is another one in each process. 64 bits hold a million values apart (one chance in
    forty million that two of them share a hash, which would make one unit of two).

    Raises:
        NightshiftError: if the value is missing in a row.
    """
    if unit == BATCH_DATE:
        return None
    values = rows[unit]
    if values.null_count:
        raise DataError(
            f"{unit} (training.independent_unit in use_case.yaml) is missing in {values.null_count:,} of "
            f"{len(values):,} {period} rows, so it is not known which of them belong together: fix its SQL, or name "
            "another column"
        )
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    coded = pa.chunked_array(values.chunks, values.type).combine_chunks().dictionary_encode()
    digests = (hashlib.blake2b(str(each).encode(), digest_size=8).digest() for each in coded.dictionary.to_pylist())
    of_each: NDArray[np.uint64] = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    units: NDArray[np.uint64] = of_each[coded.indices.to_numpy()]
    return units
