"""What every job stands on: variables and settings, the folder of an installation, its database server, its sockets.

What is started there is in `install`.
"""
