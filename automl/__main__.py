"""The command ``automl``, which is ``python -m automl``, too."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Ctrl-C ends it with one line also while its modules are imported."""
    try:
        from automl.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("automl: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
