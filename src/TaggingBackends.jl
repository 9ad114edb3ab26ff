"""
    TaggingBackends

The Julia half of TaggingBackends: it reads and writes the same label files and folders as the Python
package `taggingbackends`, and starts tagging backends from Nyx's side. See docs/contract.md.
"""
module TaggingBackends

# labels, and label files
export Labels, LabelFileError, addrun!, checkdependencies, countlabels, croplabels, declarelabels!
export dependency, filllabels!, mergelabels!, readlabels, setlabels!, taglabels!, writelabels
# where everything is in a backend's folder, and its scripts
export BackendExplorer, BackendError, ScriptError
export raw_data_dir, interim_data_dir, processed_data_dir, model_dir, pretrained_model_dir, output_path
export list_input_files, list_interim_files, list_processed_files, list_models, list_pretrained_models
export push, pull, reset_data, reset_model, check
export make_dataset, build_features, train_model, finetune_model, predict_model
# tracks
export Recording, Track, TrackFileError, findrecordings, is_label_file, labels, loadtracks
# Nyx's side
export CommandError, TaggingBackendsError, findbackends, finetune, predict, train

include(joinpath("..", "julia", "errors.jl"))
include(joinpath("..", "julia", "files.jl"))
include(joinpath("..", "julia", "ordered.jl"))
include(joinpath("..", "julia", "json.jl"))
include(joinpath("..", "julia", "numbers.jl"))
include(joinpath("..", "julia", "elements.jl"))
include(joinpath("..", "julia", "states.jl"))
include(joinpath("..", "julia", "runlabels.jl"))
include(joinpath("..", "julia", "labels.jl"))
include(joinpath("..", "julia", "dependencies.jl"))
include(joinpath("..", "julia", "editing.jl"))
include(joinpath("..", "julia", "canonical.jl"))
include(joinpath("..", "julia", "labelfile.jl"))
include(joinpath("..", "julia", "identifiers.jl"))
include(joinpath("..", "julia", "options.jl"))
include(joinpath("..", "julia", "formats.jl"))
include(joinpath("..", "julia", "tracks.jl"))
include(joinpath("..", "julia", "choreography.jl"))
include(joinpath("..", "julia", "toml.jl"))
include(joinpath("..", "julia", "project.jl"))
include(joinpath("..", "julia", "explorer.jl"))
include(joinpath("..", "julia", "staging.jl"))
include(joinpath("..", "julia", "training.jl"))
include(joinpath("..", "julia", "provenance.jl"))
include(joinpath("..", "julia", "pipeline.jl"))
include(joinpath("..", "julia", "main.jl"))
include(joinpath("..", "julia", "nyx.jl"))
include(joinpath("..", "julia", "border.jl"))

end
