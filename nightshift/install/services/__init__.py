"""The embedded services of one home: Airflow, MLflow and Data Docs under one supervisor."""
