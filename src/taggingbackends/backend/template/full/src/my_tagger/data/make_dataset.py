"""Pick the recordings among the input files."""

from taggingbackends import BackendExplorer
from taggingbackends.data import find_recordings
from taggingbackends.main import main


def make_dataset(backend: BackendExplorer) -> None:
    """Tell which recordings there are; convert files here, if your tagger needs that."""
    for file, parts in find_recordings(backend.list_input_files()).items():
        print(f"{file.name}: {', '.join(part.suffix for part in parts)}")


if __name__ == "__main__":
    main(make_dataset)
