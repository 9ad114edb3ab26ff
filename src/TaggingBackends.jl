"""
    TaggingBackends

The Julia package of TaggingBackends. It reads and writes the same label files and folders as the Python
package `taggingbackends`, and starts tagging backends for Nyx. See docs/contract.md.
"""
module TaggingBackends

# These comments are headings in docs/reference/julia.md.
# errors
export BackendError, CommandError, LabelFileError, ScriptError, TaggingBackendsError, TrackFileError
# labels and label files
export Labels, addrun!, checkdependencies, countlabels, croplabels, declarelabels!, dependency
export filllabels!, findframes, islabelfile, mergelabels!, readlabels, setlabels!, smoothlabels!, taglabels!
export writelabels
# stretches, bouts and budgets; comparison
export comparefiles, comparelabels, defaultmaxgap, findbouts, findspans, tobouts, tobudget
# recordings
export Recording, Track, findrecordings, hasspine, loadtracks, recordinglabels
# training windows, and prediction from windows
export bodylength, egocentric, predictframes, windows
# a backend's folder and its scripts
export BackendExplorer
export raw_data_dir, interim_data_dir, processed_data_dir, model_dir, pretrained_model_dir, output_path, interim_path
export list_input_files, list_interim_files, list_processed_files, list_models, list_pretrained_models
export push, pull, reset_data, reset_model, check
export make_dataset, build_features, train_model, finetune_model, predict_model
# Nyx's side
export findbackends, finetune, predict, train

"""The folder of this Julia package, with its Project.toml."""
const PACKAGE = dirname(@__DIR__)

# A layer only uses the layers above it. Within a layer, functions may use each other.

include("../julia/errors.jl")

# system: files, names, TOML; nothing about larvae
include("../julia/system/messages.jl")
include("../julia/system/temporaries.jl")
include("../julia/system/renames.jl")
include("../julia/system/files.jl")
include("../julia/system/locks.jl")
include("../julia/system/names.jl")
include("../julia/system/ordered.jl")
include("../julia/system/processes.jl")
include("../julia/system/toml.jl")

# labels: labels in memory and label files
include("../julia/labels/json.jl")
include("../julia/labels/numbers.jl")
include("../julia/labels/validation.jl")
include("../julia/labels/states.jl")
include("../julia/labels/elements.jl")
include("../julia/labels/tracklabels.jl")
include("../julia/labels/runlabels.jl")
include("../julia/labels/labels.jl")
include("../julia/labels/dependencies.jl")
include("../julia/labels/editing.jl")
include("../julia/labels/stretches.jl")
include("../julia/labels/bouts.jl")
include("../julia/labels/confidence.jl")
include("../julia/labels/smoothing.jl")
include("../julia/labels/facts.jl")
include("../julia/labels/tables.jl")
include("../julia/labels/origin.jl")
include("../julia/labels/writing.jl")
include("../julia/labels/otherwriters.jl")
include("../julia/labels/reading.jl")

# data: tracker files in, arrays out
include("../julia/data/gzip.jl")
include("../julia/data/formats.jl")
include("../julia/data/nearmisses.jl")
include("../julia/data/tracks.jl")
include("../julia/data/resampling.jl")
include("../julia/data/bodyframe.jl")
include("../julia/data/choreography.jl")
include("../julia/data/featuretable.jl")
include("../julia/data/fimtrack.jl")

# analysis: two labellings of a run
include("../julia/analysis/comparison.jl")

# windows: training windows, and prediction from windows
include("../julia/windows/selection.jl")
include("../julia/windows/shape.jl")
include("../julia/windows/plan.jl")

# backend: a backend's folder and its scripts
include("../julia/backend/identifiers.jl")
include("../julia/backend/options.jl")
include("../julia/backend/signatures.jl")
include("../julia/backend/project.jl")
include("../julia/backend/folder.jl")
include("../julia/backend/origins.jl")
include("../julia/backend/staging.jl")
include("../julia/backend/unfinished.jl")
include("../julia/backend/provenance.jl")
include("../julia/backend/pipeline.jl")
include("../julia/backend/explorer.jl")

# entry points: a script's main program, the command from Nyx, Julia from Python
include("../julia/main.jl")
include("../julia/nyx.jl")
include("../julia/python/border.jl")

end
