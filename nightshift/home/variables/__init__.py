"""Variables of the environment: which mean something, and that all others have no effect.

`known` lists them; `cleaning` removes the others from an environment; `entry` from this process; `without_effect`
reports them.
"""
