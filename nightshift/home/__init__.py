"""What every job stands on: settings and variables, the folder of an installation, its database server, its sockets."""
