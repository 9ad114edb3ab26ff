"""
    TaggingBackends

The Julia half of TaggingBackends: it reads and writes the same label files and folders as the Python
package `taggingbackends`, and starts tagging backends from Nyx's side. See docs/contract.md.
"""
module TaggingBackends

include(joinpath("..", "julia", "errors.jl"))
include(joinpath("..", "julia", "files.jl"))
include(joinpath("..", "julia", "json.jl"))
include(joinpath("..", "julia", "states.jl"))
include(joinpath("..", "julia", "runlabels.jl"))
include(joinpath("..", "julia", "labels.jl"))
include(joinpath("..", "julia", "dependencies.jl"))
include(joinpath("..", "julia", "editing.jl"))
include(joinpath("..", "julia", "canonical.jl"))
include(joinpath("..", "julia", "labelfile.jl"))
include(joinpath("..", "julia", "identifiers.jl"))
include(joinpath("..", "julia", "options.jl"))
include(joinpath("..", "julia", "tracks.jl"))
include(joinpath("..", "julia", "project.jl"))
include(joinpath("..", "julia", "explorer.jl"))
include(joinpath("..", "julia", "staging.jl"))
include(joinpath("..", "julia", "training.jl"))
include(joinpath("..", "julia", "pipeline.jl"))
include(joinpath("..", "julia", "main.jl"))
include(joinpath("..", "julia", "nyx.jl"))

end
