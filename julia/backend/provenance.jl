# The origin of predicted labels, added to label files that lack it.

const VERSION_HERE = read_toml(joinpath(PACKAGE, "Project.toml"))[["version"]]
include_dependency(joinpath(PACKAGE, "Project.toml"))

"""
    software(backend)

Return `metadata["software"]` for labels that a backend predicts: `name` and `version` of the backend, its
`model_instance`, and the version of this package as `taggingbackends`. Unknown entries are left out.

# Example
```julia
labels[run].metadata["software"] = TaggingBackends.software(backend)
```
"""
function software(backend::BackendExplorer)
    project = project_metadata(backend.project_dir)
    known = OrderedDict{String,Any}(key => project[key] for key in ("name", "version")
                                    if haskey(project, key))
    backend.model_instance === nothing || (known["model_instance"] = backend.model_instance)
    known["taggingbackends"] = VERSION_HERE
    return known
end

"""
    complete(backend, file)

Add missing software and dependencies to a predicted label file. `file` is below
`processed_data_dir(backend)`; it is written only if something is added.

# Errors
`LabelFileError`: it is not a valid label file.
"""
function complete(backend::BackendExplorer, file)
    while !complete_once(backend, file)
    end
    return nothing
end

"""Return false if another program has changed the file meanwhile; it is not changed then."""
function complete_once(backend, file)
    before = stamp(file)
    predicted = readlabels(file)
    relative = relpath(file, processed_data_dir(backend))
    recordings = recordings_in(joinpath(raw_data_dir(backend), dirname(relative)))
    changed = false
    for run in values(predicted)
        changed |= add_software!(run, software(backend))
        isempty(run.dependencies) || continue
        sources = sort(recording_of(recordings, file, run.id))
        run.dependencies = map(dependency, sources)
        changed |= !isempty(sources)
        isempty(sources) && @warn "$relative: the input of run $(run.id) is unknown; set its dependencies " *
                                  "in predict_model"
    end
    if changed
        try
            put_labels(file, predicted, before)
        catch error
            error isa BackendError || rethrow()
            return false
        end
    end
    all(isempty, keys(countlabels(predicted))) && @warn "$relative: no frame has a label"
    return true
end

"""Add missing entries to a run's software; return whether there were any."""
function add_software!(run, known)
    said = get(run.metadata, "software", OrderedDict{String,Any}())
    said isa AbstractDict || return false
    completed = OrderedDict{String,Any}(said)
    for (key, value) in known
        haskey(said, key) || (completed[key] = value)
    end
    run.metadata["software"] = completed
    return length(completed) > length(said)
end

"""Return the files of the recording that a run's labels are for; empty if it is unknown."""
function recording_of(recordings, file, run)
    stem = recording_stem(basename(file), Set(stem_of(main) for main in keys(recordings)))
    fitting = [files for (main, files) in recordings if stem_of(main) == stem]
    if isempty(fitting)
        fitting = [files for (main, files) in recordings if first(split(stem_of(main), "@")) == run]
    end
    return length(fitting) == 1 ? fitting[1] : String[]
end
