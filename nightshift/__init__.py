"""The shared kernel of nightshift: it knows tables, slices, the lake and the ledger, and nothing of Airflow."""
