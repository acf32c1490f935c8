"""What the DAGs are wired from: operators, the delivery trigger, params and the batch dates of a run."""
