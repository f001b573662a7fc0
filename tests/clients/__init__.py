"""Other libraries on our environments.

`make test-clients` runs all of them, each where it can be installed.
"""
