"""What is known of each feature: what it means, what it is computed from, what it holds, and which models use it.

`declared` needs the checkout alone and makes the reference pages; `live` adds what the ledger and the model registry
know; `page` shows it to people, and as `table` has it, `spark_jobs.describe_features` publishes it.
"""
