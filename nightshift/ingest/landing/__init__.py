"""From the files of a delivery to rows: records, their check against the declaration, what is quarantined or hidden."""
