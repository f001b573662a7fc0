"""The command line: ``nasgym list``, ``compare``, ``search``, ``draw``, ``tabulate``, ``data``.

One file a command. Commands load what they need when they run. Errors that a user can cause are one
line on stderr and exit code 2.
"""

from nasgym.cli.entry import app, main

__all__ = ["app", "main"]
