"""Variables of the environment: which mean something, and that all others have no effect.

`table` says it once; `cleaning` applies it to an environment; `entry` to this process; `found` puts it into words.
"""
