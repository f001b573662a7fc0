"""Where work runs: on worker processes of this machine.

An executor of a cluster is a file beside `processes`.
"""
