"""Column lineage of a table, read from the SQL that computes it: no list of sources is kept by hand.

A column is *computed from* the columns of published tables whose values enter it (``*`` where rows are only counted),
and *also depends on* those that choose, group or order the rows that enter: filters, groupings, window partitions and
orders, and the keys of the join that brings the value in.
"""

from nightshift.catalogue.lineage.column_lineage import Lineage, Origin, Window
from nightshift.catalogue.lineage.follow_query import lineage

__all__ = ["Lineage", "Origin", "Window", "lineage"]
