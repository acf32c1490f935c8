"""What is known of each feature: what it means, what it is computed from, what it holds, and which models use it.

`declared_features` reads the checkout alone and makes the reference pages; `features_in_use` adds what the ledger and
the model registry know; `registry_page` shows it to people, and `registry_rows` are its published table.
"""
