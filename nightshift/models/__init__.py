"""A version of a model: its files in the registry, who is champion when, and how raw scores become what people read.

How a model is made is in `training`; how rows are scored, in `scoring`.
"""
