"""``python -m taggingbackends`` is the command ``tagging-backend``."""

from taggingbackends.cli import main

if __name__ == "__main__":
    main()
