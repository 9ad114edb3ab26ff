# The origin of predicted labels, added to label files that lack it.

const VERSION_HERE = read_toml(joinpath(PACKAGE, "Project.toml"))[["version"]]
include_dependency(joinpath(PACKAGE, "Project.toml"))

"""
    software(backend)

Return `metadata["software"]` for labels that a backend predicts: `name` and `version` of the backend, its
`model_instance`, the `model_digest` of the model's files, and the version of this package as
`taggingbackends`. Unknown entries are left out.

# Example
```julia
labels[run].metadata["software"] = TaggingBackends.software(backend)
```
"""
function software(backend::BackendExplorer)
    project = project_metadata(backend.project_dir)
    known = OrderedDict{String,Any}(key => project[key] for key in ("name", "version")
                                    if haskey(project, key))
    if backend.model_instance !== nothing
        known["model_instance"] = backend.model_instance
        isdir(model_dir(backend)) && (known["model_digest"] = model_digest(model_dir(backend)))
    end
    known["taggingbackends"] = VERSION_HERE
    return known
end

const RECORD = "training.json"  # of the training of a model, which only Python writes

"""
Return the digest of a model's files, except its training.json and hidden files: the SHA-1 of a text that
has the SHA-1 of each file's content, two blanks, its path in the model and a line feed, sorted by path.
"""
function model_digest(model)
    names = [replace(relpath(file, model), '\\' => '/') for file in walk_files(model) if ispath(file)]
    lines = ["$(sha1_of(joinpath(model, name)))  $name\n" for name in sort(names) if name != RECORD]
    return bytes2hex(SHA.sha1(join(lines)))
end

"""
    complete(backend, files, known=software(backend))

Add missing software and dependencies to predicted label files. `files` are below
`processed_data_dir(backend)`; a file is written only if something is added. `known` is the software before
the predictions, since the model may have changed.

# Errors
`LabelFileError`: a file is not a valid label file.
"""
function complete(backend::BackendExplorer, files, known=software(backend))
    recordings = remembered(recordings_by_run)  # read each folder once, not once per label file
    raw, _, processed = data_dirs(backend)
    for file in files
        relative = relpath(file, processed)
        by_stem, by_run = recordings(joinpath(raw, dirname(relative)))
        while !complete_once(file, relative, known, by_stem, by_run)
        end
    end
    return nothing
end

"""Return the recordings in a folder by stem, and by run; no files if several are of a run."""
function recordings_by_run(folder)
    recordings = recordings_in(folder)
    runs = Dict{String,Vector{String}}()
    for (stem, files) in recordings
        run = first(split(stem, "@"))
        runs[run] = haskey(runs, run) ? String[] : files
    end
    return recordings, runs
end

"""Return false if another program has changed the file meanwhile; it is not changed then."""
function complete_once(file, relative, software, recordings, runs)
    before = stamp(file)
    predicted = readlabels(file)
    stem = recording_stem(basename(file), keys(recordings))
    changed = false
    for run in values(predicted)
        changed |= add_software!(run, software)
        isempty(run.dependencies) || continue
        sources = sort(stem === nothing ? get(runs, run.id, String[]) : recordings[stem])
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
