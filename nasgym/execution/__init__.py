"""Where work runs: on worker processes of this machine."""
