"""``python -m automl`` is the command ``automl``."""

from automl.cli.main import main

if __name__ == "__main__":
    main()
