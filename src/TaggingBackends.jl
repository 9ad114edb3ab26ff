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

"""The folder of this Julia package, with its Project.toml."""
const PACKAGE = dirname(@__DIR__)

include("../julia/errors.jl")
include("../julia/system/messages.jl")
include("../julia/system/files.jl")
include("../julia/system/locks.jl")
include("../julia/system/ordered.jl")
include("../julia/labels/json.jl")
include("../julia/labels/numbers.jl")
include("../julia/labels/elements.jl")
include("../julia/labels/states.jl")
include("../julia/labels/runlabels.jl")
include("../julia/labels/labels.jl")
include("../julia/labels/dependencies.jl")
include("../julia/labels/editing.jl")
include("../julia/labels/writing.jl")
include("../julia/labels/reading.jl")
include("../julia/backend/identifiers.jl")
include("../julia/backend/options.jl")
include("../julia/data/formats.jl")
include("../julia/data/tracks.jl")
include("../julia/data/choreography.jl")
include("../julia/system/toml.jl")
include("../julia/backend/project.jl")
include("../julia/backend/explorer.jl")
include("../julia/backend/staging.jl")
include("../julia/backend/unfinished.jl")
include("../julia/backend/provenance.jl")
include("../julia/backend/pipeline.jl")
include("../julia/main.jl")
include("../julia/nyx.jl")
include("../julia/python/border.jl")

end
