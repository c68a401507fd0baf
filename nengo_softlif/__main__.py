"""``python -m nengo_softlif``: the command line."""

from .cli import main

main(prog_name="nengo-softlif")
