"""What is written from the declarations: reference pages, data contracts, dbt's sources."""
