# The paths in a backend's folder. Only this file builds them.

"""Environment variable of training scripts: the model instance that is being trained."""
const TRAINING = "TAGGINGBACKENDS_TRAINING"

"""Environment variable: the folder to use instead of the backend's folder data."""
const DATA = "TAGGINGBACKENDS_DATA"

"Environment variable: the folder to use instead of the backend's folder models, in evaluations."
const MODELS = "TAGGINGBACKENDS_MODELS"
"""Environment variable for scripts: a file with paths, each before a NUL, of input that is not listed."""
const NOT_LISTED = "TAGGINGBACKENDS_NOT_LISTED"

const SANDBOX_MARK = ".sandbox"
const PREDICTED = "predicted.label"
const REPLACED = ".replaced"

"""
    BackendExplorer(project_dir=nothing; model_instance=nothing, sandbox=nothing, data_folder=nothing)

The folders and files of a backend.

# Arguments
- `project_dir`: the backend's folder; by default the nearest backend at or above the current folder.
- `model_instance`: identifier of the model instance whose data and model are used.
- `sandbox`: token of a sandbox, a folder below the instance's in the data folders.
- `data_folder`: the folder of all data; by default the one in the environment variable
  `TAGGINGBACKENDS_DATA`, else the folder data in the backend's folder.

# Fields
- `project_dir::String`: absolute.
- `package_name::String`: the project's name in lower case, with underscores for hyphens.
- `model_instance`, `sandbox`: a string, or `nothing`.
- `data_folder::String`: absolute; it has the subfolders raw, interim and processed.

# Errors
`BackendError` `not-a-backend`: the folder is not a backend; `bad-identifier`: an invalid instance or
sandbox.

# Example
```julia
backend = BackendExplorer(; model_instance="20240611_101500")
for (file, parts) in findrecordings(list_input_files(backend))
    writelabels(output_path(backend, file), predicted)
end
```
"""
struct BackendExplorer
    project_dir::String
    package_name::String
    model_instance::Union{String,Nothing}
    sandbox::Union{String,Nothing}
    data_folder::String

    function BackendExplorer(project_dir=nothing; model_instance=nothing, sandbox=nothing, data_folder=nothing)
        instance, token = map((model_instance, sandbox), ("model instance", "sandbox")) do name, what
            return name === nothing ? nothing : check_identifier(what, name)
        end
        folder = find_backend(project_dir)
        return new(folder, package_name(folder), instance, token, find_data(folder, data_folder))
    end
end

function Base.show(io::IO, backend::BackendExplorer)
    which = join(filter(!isnothing, [backend.model_instance, backend.sandbox]), ", ")
    return print(io, "BackendExplorer(", backend.project_dir, isempty(which) ? "" : ": ", which, ")")
end

# -- data

"""
    raw_data_dir(backend)

Return the input folder of this instance (and sandbox); make it if it does not exist.

# Errors
`BackendError` `no-model-instance`; `unusable-data`: the folder cannot be made, for example because of a
link to a missing folder.

# Example
```julia
raw_data_dir(BackendExplorer("My-Tagger"; model_instance="m"))  # ".../My-Tagger/data/raw/m"
```
"""
raw_data_dir(backend::BackendExplorer) = made_data_dir(backend, "raw")

"""
    interim_data_dir(backend)

Return the folder of preprocessed data and features; see [`raw_data_dir`](@ref).
"""
interim_data_dir(backend::BackendExplorer) = made_data_dir(backend, "interim")

"""
    processed_data_dir(backend)

Return the folder of predicted labels; see [`raw_data_dir`](@ref).
"""
processed_data_dir(backend::BackendExplorer) = made_data_dir(backend, "processed")

"""
    list_input_files(backend; group_by_directories=false)

List the input files of this instance (and sandbox) as absolute paths, sorted by path components, by code
point. Hidden files are left out; so are the files of sandboxes, unless the explorer has a sandbox.

With `group_by_directories`, return an ordered dictionary in the same order: folder relative to
[`raw_data_dir`](@ref) (`"."` for the top, `"/"` between components) => its files.

# Errors
`BackendError` `no-model-instance`.

# Example
```julia
for (folder, files) in list_input_files(backend; group_by_directories=true)
    println(folder, ": ", length(files), " files")
end
```
"""
list_input_files(backend::BackendExplorer; group_by_directories::Bool=false) =
    listed(backend, "raw", group_by_directories)

"""
    list_interim_files(backend; group_by_directories=false)

List the files in [`interim_data_dir`](@ref); see [`list_input_files`](@ref).
"""
list_interim_files(backend::BackendExplorer; group_by_directories::Bool=false) =
    listed(backend, "interim", group_by_directories)

"""
    list_processed_files(backend; group_by_directories=false)

List the files in [`processed_data_dir`](@ref); see [`list_input_files`](@ref).
"""
list_processed_files(backend::BackendExplorer; group_by_directories::Bool=false) =
    listed(backend, "processed", group_by_directories)

"""
    output_path(backend, input_file)

Return the path for the predicted labels of an input file; make its folder.

# Arguments
- `input_file`: a path below [`raw_data_dir`](@ref); a relative path starts there.

# Returns
`predicted.label` in the same relative folder below [`processed_data_dir`](@ref), or
`<stem>.predicted.label` if the input file's folder has several recordings.

# Errors
`BackendError` `no-input`: the file is elsewhere. `LabelFileError`: it is an invalid label file.

# Example
```julia
writelabels(output_path(backend, "20240611_101500@g@e@t5@p.spine"), predicted)
```
"""
function output_path(backend::BackendExplorer, input_file)
    path, folder = mirrored(backend, input_file, processed_data_dir(backend))
    labelled = isfile(path) && islabelfile(path)
    known = labelled || is_of_recording(path)
    has_several(dirname(path), known ? nothing : suffix_of(path)) || return joinpath(folder, PREDICTED)
    return joinpath(folder, "$(labelled ? labelled_stem(path) : stem_of(path)).$PREDICTED")
end

"""
    interim_path(backend, input_file, suffix)

Return a path for preprocessed data of an input file; make its folder.

# Arguments
- `input_file`: as for [`output_path`](@ref). A label file stands for the recording that it depends on.
- `suffix`: the end of the name, such as ".csv".

# Returns
`<stem><suffix>` in the same relative folder below [`interim_data_dir`](@ref); the same for all files of a
recording.

# Errors
`BackendError` `no-input`: the file is elsewhere. `LabelFileError`: it is an invalid label file.

# Example
```julia
interim_path(backend, "a/20240611_101500@g@e@t5@p.spine", ".csv")
# ".../data/interim/m/a/20240611_101500@g@e@t5@p.csv"
```
"""
function interim_path(backend::BackendExplorer, input_file, suffix)
    path, folder = mirrored(backend, input_file, interim_data_dir(backend))
    labelled = isfile(path) && islabelfile(path)
    return joinpath(folder, "$(labelled ? labelled_stem(path) : stem_of(path))$suffix")
end

"""Return the path of an input file, and the counterpart of its folder below `top`, which is made."""
function mirrored(backend, input_file, top)
    raw = data_dir(backend, "raw")
    path = normpath(joinpath(raw, input_file))
    parts = splitpath(relpath(path, raw))
    if first(parts) in ("..", ".")
        throw(BackendError("no-input", "$path: expected an input file below $raw";
                           fix="pass a file that list_input_files returns"))
    end
    return path, mkpath(joinpath(top, parts[1:end - 1]...))
end

# -- models

"""
    model_dir(backend, instance=backend.model_instance)

Return the folder of a model's weights and hyperparameters: `models/<instance>`. For the instance that is
being trained it is the folder to write into, which exists. If a training was killed between its two renames,
it is the hidden folder of the old model.

# Errors
`BackendError` `no-model-instance` or `bad-identifier`.

# Example
```julia
parameters = read(joinpath(model_dir(backend), "parameters.txt"), String)
```
"""
model_dir(backend::BackendExplorer) = model_dir(backend, the_instance(backend, "model_dir"))

function model_dir(backend::BackendExplorer, instance)
    check_identifier("model instance", instance)
    if get(ENV, TRAINING, nothing) == instance
        return mkpath(unfinished_model_dir(backend, instance))
    end
    model, replaced = trained_model_dir(backend, instance), replaced_model_dir(backend, instance)
    return ispath(replaced) && !ispath(model) ? replaced : model
end

"""
    models_folder(backend)

Return the folder of all models, trained or not.
"""
function models_folder(backend::BackendExplorer)
    by_environment = get(ENV, MODELS, "")
    return isempty(by_environment) ? joinpath(backend.project_dir, "models") : by_environment
end

"""
    trained_model_dir(backend, instance)

Return the folder of a model whose training has succeeded.
"""
trained_model_dir(backend::BackendExplorer, instance) = joinpath(models_folder(backend), instance)

"""
    training_lock(backend, instance)

Return the lock file of an instance's training.
"""
training_lock(backend::BackendExplorer, instance) = joinpath(models_folder(backend), ".$instance.lock")

"""
    unfinished_model_dir(backend, instance)

Return the hidden folder of an unfinished model: one whose training has not succeeded.
"""
unfinished_model_dir(backend::BackendExplorer, instance) =
    joinpath(models_folder(backend), ".$instance.partial")

"""
    replaced_model_dir(backend, instance)

Return the hidden folder of a whole old model, while a new one takes its place. It is the model of the
instance as long as `models/<instance>` does not exist.
"""
replaced_model_dir(backend::BackendExplorer, instance) =
    joinpath(models_folder(backend), ".$instance$REPLACED")

"""
    removed_model_dir(backend, instance)

Return the hidden folder of a model that is being removed. It is never used again.
"""
removed_model_dir(backend::BackendExplorer, instance) =
    joinpath(models_folder(backend), ".$instance.removed")

"""
    list_models(backend)

Return the sorted identifiers of the trained models. `backend` is a [`BackendExplorer`](@ref) or a
backend's folder.

# Example
```julia
list_models("My-Tagger")  # ["20240611_101500"]
```
"""
function list_models(backend::BackendExplorer)
    top = models_folder(backend)
    hidden = isdir(top) ? filter(name -> startswith(name, '.') && endswith(name, REPLACED), readdir(top)) : []
    replaced = [name[2:end - length(REPLACED)] for name in hidden]
    return sort!(union(list_folders(top), filter(!isempty, replaced)))
end

"""
    list_pretrained_models(backend)

Return the sorted names of the partially trained models.
"""
list_pretrained_models(backend::BackendExplorer) =
    list_folders(joinpath(backend.project_dir, "pretrained_models"))

"""
    pretrained_model_dir(backend, name)

Return the folder of a partially trained model.

# Errors
`BackendError` `unknown-model`: no pretrained model has this name; `bad-identifier`.
"""
function pretrained_model_dir(backend::BackendExplorer, name)
    check_identifier("pretrained model", name)
    folder = joinpath(backend.project_dir, "pretrained_models")
    check_among("pretrained model", name, list_pretrained_models(backend), folder)
    return joinpath(folder, name)
end

"""
    check_model(backend, instance=backend.model_instance)

Throw `BackendError` `unknown-model` unless the instance is a trained model.
"""
check_model(backend::BackendExplorer, instance=the_instance(backend, "the model")) =
    check_among("model", instance, list_models(backend), models_folder(backend))

# -- scripts (pipeline.jl runs them)

"""
    find_script(backend, step)

Return the script of a step such as `"predict_model"`, or `nothing` if the backend has none.

# Errors
`BackendError` `ambiguous-script`: there are several scripts; the message lists them.
"""
function find_script(backend::BackendExplorer, step)
    found = candidates(backend.project_dir, backend.package_name, step)
    if length(found) > 1
        names = join((replace(relpath(path, backend.project_dir), '\\' => '/') for path in found), " and ")
        throw(BackendError("ambiguous-script",
            "$(backend.project_dir): expected one $step script, found $names; remove one"))
    end
    return isempty(found) ? nothing : found[1]
end

# -- below

function the_instance(backend, member)
    backend.model_instance === nothing || return backend.model_instance
    throw(BackendError("no-model-instance", "$member needs a model instance";
                       fix="name it with model_instance=..."))
end

function data_dir(backend, stage)
    folder = joinpath(backend.data_folder, stage, the_instance(backend, "data/$stage"))
    return backend.sandbox === nothing ? folder : joinpath(folder, backend.sandbox)
end

"""Return the three data folders, which may not exist yet."""
data_dirs(backend) = [data_dir(backend, stage) for stage in ("raw", "interim", "processed")]

function made_data_dir(backend, stage)
    folder = data_dir(backend, stage)
    try
        mkpath(folder)
        backend.sandbox === nothing || is_sandbox(folder) || touch(joinpath(folder, SANDBOX_MARK))
    catch error
        error isa Union{SystemError,Base.IOError} && check_data_dir(folder)
        rethrow()
    end
    return folder
end

"""Return the absolute path of the folder of all data of a backend."""
function find_data(project_dir, data_folder=nothing)
    data_folder === nothing || return unslashed(abspath(data_folder))
    by_environment = get(ENV, DATA, "")
    return isempty(by_environment) ? joinpath(project_dir, "data") : unslashed(abspath(by_environment))
end

"""
Throw `BackendError` `unusable-data` unless files can be written into a data folder, or the folder be made.
"""
function check_data_dir(folder)
    for path in upwards(folder)
        if isdir(path)
            is_writable(path) && return nothing
            what = "expected a folder that you can write to, found one that you cannot"
            fix = "keep the data in another folder with data_folder=..."
        elseif islink(path)
            which = ispath(path) ? "is a file" : "does not exist"
            what = "expected a folder, found a link to $(readlink(path)), which $which"
            fix = "create that folder, or remove the link"
        elseif ispath(path)
            what, fix = "expected a folder, found a file", "move or remove it"
        else
            continue
        end
        throw(BackendError("unusable-data", "$path: $what"; fix=fix))
    end
    return nothing
end

const WRITE_AND_SEARCH = Cint(2 | 1)  # W_OK | X_OK, unistd.h

is_writable(folder) =
    Sys.iswindows() || ccall(:access, Cint, (Cstring, Cint), folder, WRITE_AND_SEARCH) == 0

function listed(backend, stage, grouped)
    top = data_dir(backend, stage)
    of_sandboxes = backend.sandbox !== nothing
    files = walk_files(top; enter=folder -> of_sandboxes || dirname(folder) != top || !is_sandbox(folder))
    stage == "raw" && !isempty(get(ENV, NOT_LISTED, "")) &&
        setdiff!(files, split(read(ENV[NOT_LISTED], String), '\0'))
    grouped || return files
    groups = Dict{Vector{String},Vector{String}}()
    for file in files
        folder = dirname(file) == top ? String[] : splitpath(relpath(dirname(file), top))
        push!(get!(() -> String[], groups, folder), file)
    end
    return OrderedDict{String,Vector{String}}(
        (isempty(folder) ? "." : join(folder, "/")) => groups[folder]
        for folder in sort!(collect(keys(groups))))
end

"""Return whether a folder belongs to a sandbox rather than to the input."""
is_sandbox(folder) = ispath(joinpath(folder, SANDBOX_MARK))

"""Return whether a path is a tracker file that can be read."""
function is_tracker_file(path)
    tracker_suffix(path) in TRACKER_SUFFIXES && isfile(path) || return false
    return !isempty(findrecordings([path]; unreadable=Dict{String,Exception}()))
end

"""Return whether a recording in the same folder has the file's stem."""
function is_of_recording(path)
    stem = stem_of(path)
    usual = [joinpath(dirname(path), stem * suffix) for suffix in TRACKER_SUFFIXES]
    any(is_tracker_file, [path; usual]) && return true
    isdir(dirname(path)) || return false
    near = filter(name -> startswith(name, stem) && stem_of(name) == stem, readdir(dirname(path)))
    return any(name -> is_tracker_file(joinpath(dirname(path), name)), near)
end

"""
Return whether a folder has several recordings. Files with the given suffix count as recordings, too.

Each recording of a folder asks this, and listing a folder takes time in proportion to its files. So the answer yes
is kept for the task while the folder does not change.
"""
function has_several(folder, suffix)
    isdir(folder) || return false
    known = get!(Dict{Tuple{String,Any},Float64}, task_local_storage(), :folders_with_several_recordings)
    time = mtime(folder)
    get(known, (folder, suffix), nothing) === time && return true
    stem = nothing
    for name in visible(folder)
        stem_of(name) == stem && continue
        file = joinpath(folder, name)
        (suffix_of(name) == suffix && isfile(file)) || is_tracker_file(file) || continue
        if stem !== nothing
            known[(folder, suffix)] = time
            return true
        end
        stem = stem_of(name)
    end
    return false
end

"""Return the stem of the recording that a label file depends on."""
function labelled_stem(path)
    for run in values(readlabels(path)), entry in run.dependencies
        return stem_of(entry["filename"])
    end
    return stem_of(path)
end

function list_folders(top)
    isdir(top) || return String[]
    return filter(name -> isdir(joinpath(top, name)), visible(top))
end

function check_among(what, name, names, folder)
    name in names && return nothing
    throw(BackendError("unknown-model", "no $what $name in $folder: $(did_you_mean(name, names))"))
end
