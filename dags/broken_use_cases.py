"""Says which use cases are broken, and how to repair them; makes no DAG.

A file that raises yields no DAG at all. So the other files here leave broken use cases out, and this one alone raises:
Airflow shows it above its list of DAGs, under *Dag Import Errors*, and the DAGs of all other use cases run.
"""

from __future__ import annotations

from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.errors import DeclarationError
from nightshift.home.settings import get_settings

if sentences := find_use_cases(get_settings()).sentences:
    raise DeclarationError("\n".join(sentences))
