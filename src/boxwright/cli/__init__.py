"""The command line: verbs are the doors, arguments are artifacts and files.

The only room that prints or exits. Results go to stdout, progress and complaints to stderr.
"""
