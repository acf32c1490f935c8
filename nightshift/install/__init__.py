"""An installation: set-up, doctor, services, backups, the composition on Docker, and the demo.

Where things of an installation are is in `home`.
"""
