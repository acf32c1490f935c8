"""`make compose-up` and its like: docker-compose.yaml with what it needs before, and a sentence for what is wrong.

Runs on the machine's own Python and imports nothing that has to be installed. `docker compose` alone does the same
once there are secrets and an image.
"""
