"""``python -m settlement.cli``: the command line without the installed program."""

from __future__ import annotations

from settlement.cli import main

main(prog_name="songbai")
