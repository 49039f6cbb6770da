"""`python -m sgps` is the command line."""

from sgps.cli import main

main()
