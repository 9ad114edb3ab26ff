"""Label the recordings in data/raw by their features, into data/processed."""

from __future__ import annotations

from examplebackend.features.store import RecordingFeatures, features_path
from examplebackend.models.tagger import Tagger
from taggingbackends import BackendExplorer, dependency
from taggingbackends.data import find_recordings
from taggingbackends.main import main
from taggingbackends.progress import progress
from taggingbackends.provenance import software


def predict_model(backend: BackendExplorer) -> None:
    """Write one label file a recording, with its dependencies and what predicted it."""
    tagger = Tagger.read(backend.model_dir())
    recordings = find_recordings(backend.list_input_files())
    for file in progress(list(recordings), "labelling"):
        labels = tagger.tag(RecordingFeatures.read(features_path(backend, file)))
        for run in labels.values():
            run.metadata["software"] = software(backend)
            run.dependencies = [dependency(part) for part in recordings[file]]
        labels.write(backend.output_path(file))


if __name__ == "__main__":
    main(predict_model)
