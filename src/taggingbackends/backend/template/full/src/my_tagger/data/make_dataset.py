"""Find the recordings among the input files."""

from taggingbackends import BackendExplorer
from taggingbackends.data import find_recordings
from taggingbackends.main import main


def make_dataset(backend: BackendExplorer) -> None:
    """Print the recordings. Convert files here if your tagger needs it."""
    for file, parts in find_recordings(backend.list_input_files()).items():
        print(f"{file.name}: {', '.join(part.suffix for part in parts)}")


if __name__ == "__main__":
    main(make_dataset)
