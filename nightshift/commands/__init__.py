"""The command line: `nightshift` and its subcommands, each in a module that is imported when it is called.

What a command does is in the room of its subject.
"""
