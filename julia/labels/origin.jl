# The origin of labels: a model or a person.

"""Return whether a person edited the labels of a run: a frame has the label "edited", primary or secondary."""
is_edited(run::RunLabels) = haskey(countlabels(run), EDITED)

"""Return the model instance that a run's metadata name, whether or not a person edited the run; or nothing."""
function model_instance(run::RunLabels)
    origin = get(run.metadata, "software", nothing)
    instance = origin isa AbstractDict ? get(origin, "model_instance", nothing) : nothing
    return instance isa AbstractString ? instance : nothing
end
