"""An installation: its set-up, doctor, services, backups, the composition on Docker, and the demo."""
