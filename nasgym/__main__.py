"""``python -m nasgym``: the command line."""

from nasgym.cli import main

if __name__ == "__main__":  # a spawned worker imports this module again, under another name
    main()
