"""From deliveries to judged rows: landing zone, archive, sources, quarantine, personal data, and what came late.

The job that lands them is `spark_jobs.land`; what becomes of accepted rows is in `lake`.
"""
