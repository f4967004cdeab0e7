"""``python -m nero_core.cli`` is ``nero``."""

from nero_core.cli.app import main

main()
