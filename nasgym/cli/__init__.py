"""The command line of ``nasgym``.

Its commands are ``list``, ``profile``, ``compare``, ``search``, ``draw``, ``export``, ``tabulate``
and ``data``. One file a command. Commands load what they need when they run. Errors that a user can
cause are one line on stderr and exit code 2.
"""

from nasgym.cli.entry import app, main

__all__ = ["app", "main"]
