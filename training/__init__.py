"""Makes a model and lets it in if it deserves it: `train` is the job; `promote` and `rollback` record decisions.

In the order in which they are used: `data` reads and splits the rows, `search` finds parameters, `fitting` makes a
model of them, `judging` measures it and asks the gates; `challenger` does these three. `report` writes what people
read, with `plots` and `card`; `register` puts it into MLflow, and `outcome` tells the DAG.
"""
