# The actions on a backend's folder. `push` and `pull` are in staging.jl.

"""
    reset_data(backend)

Remove this instance's data, or only the sandbox's if there is one; return the removed folders.

# Errors
`BackendError` `no-model-instance`; `not-a-sandbox`: the folder is one of input, not a sandbox; `in-use`: a
command is running in a sandbox, or the instance is in training.

# Example
```julia
reset_data(BackendExplorer("My-Tagger"; model_instance="m", sandbox="s"))
```
"""
function reset_data(backend::BackendExplorer)
    folders = data_dirs(backend)
    for folder in folders
        (backend.sandbox === nothing || !ispath(folder) || is_sandbox(folder)) && continue
        throw(BackendError("not-a-sandbox",
            "$folder: expected a sandbox, found a folder of input; not removed"))
    end
    backend.sandbox === nothing || return remove_sandbox(folders)
    for name in visible_folders(folders[1])
        folder = joinpath(folders[1], name)
        is_sandbox(folder) && unless_in_use(() -> nothing, folder)
    end
    return unless_locked(training_lock(backend, backend.model_instance), "$(folders[1]): a training uses this input") do
        filter(remove_folder, folders)
    end
end

visible_folders(top) = isdir(top) ? list_folders(top) : String[]

"""Remove a sandbox. Its folder in data/raw is the last, and its mark the last file, so that what
remains is still a sandbox."""
function remove_sandbox(folders)
    return unless_in_use(folders[1]) do
        there = filter(ispath, folders)
        for folder in reverse(there)
            if !islink(folder)
                rest = filter(!=(SANDBOX_MARK), readdir(folder))
                foreach(name -> rm(joinpath(folder, name); recursive=true), rest)
            end
            remove_folder(folder)
        end
        there
    end
end

"""Call `work()` while holding a sandbox's lock, which the command that made the sandbox holds while it runs."""
unless_in_use(work, raw) =
    unless_locked(work, joinpath(dirname(raw), ".$(basename(raw)).lock"), "$raw: a command is running in this sandbox")

"""Call `work()` while holding a lock, if there is one. If another process holds it, throw `in-use`."""
function unless_locked(work, lock, problem)
    isfile(lock) || return work()
    try
        return locked(work, lock)
    catch error
        error isa LockedError && error.path == lock || rethrow()
        throw(BackendError("in-use", problem; fix="wait for it, or end it"))
    end
end

"""
    reset_model(backend)

Remove this instance's model and the leftovers of a killed training; return the removed folders.

# Errors
`BackendError` `no-model-instance`; `existing-model`: another process is training the instance.

# Example
```julia
reset_model(BackendExplorer("My-Tagger"; model_instance="old"))
```
"""
reset_model(backend::BackendExplorer) = remove_model(backend)

"""
    make_dataset(backend; options...)

Run the script make_dataset if the backend has one. Its function gets `options` as keyword arguments, of
the types that it declares (`epochs::Int`), or else of its defaults.

# Errors
`ScriptError`: the script failed. `BackendError` `ambiguous-script` or `missing-python`.

# Example
```julia
make_dataset(backend; rate=30)
```
"""
make_dataset(backend::BackendExplorer; options...) = run_optional(backend, "make_dataset", options)

"""
    build_features(backend; options...)

Run the script build_features if the backend has one; see [`make_dataset`](@ref).
"""
build_features(backend::BackendExplorer; options...) = run_optional(backend, "build_features", options)

"""
    train_model(backend; force=false, options...)

Run the script train_model. The model is put in place after the script has succeeded; `force` allows it to
replace an existing one.

# Errors
As [`make_dataset`](@ref); also `BackendError` `missing-script` or `existing-model`.

# Example
```julia
train_model(BackendExplorer("My-Tagger"; model_instance="new"); epochs=20)
```
"""
train_model(backend::BackendExplorer; force::Bool=false, options...) =
    run_training(backend, "train_model", options, force)

"""
    finetune_model(backend; original_model_instance, force=false, options...)

Run the script finetune_model; see [`train_model`](@ref).
"""
finetune_model(backend::BackendExplorer; force::Bool=false, options...) =
    run_training(backend, "finetune_model", options, force)

"""
    predict_model(backend; options...)

Run the script predict_model; return the new label files. Missing software and dependencies are added to
them.

# Errors
As [`make_dataset`](@ref); also `BackendError` `missing-script`; `LabelFileError`: the script wrote an
invalid label file.

# Example
```julia
files = predict_model(BackendExplorer("My-Tagger"; model_instance="m"))
```
"""
predict_model(backend::BackendExplorer; options...) = run_prediction(backend, options)

"""
    check(backend)

Return a vector of all violations of docs/contract.md, sections 1 and 2, and how to fix them. The Python
half checks.

# Errors
`BackendError` `missing-python`.

# Example
```julia
foreach(println, check(BackendExplorer("My-Tagger")))
```
"""
function check(backend::BackendExplorer)
    folders = `--project $(backend.project_dir) --data $(backend.data_folder)`
    command = `$(python_command()) -P -m taggingbackends $folders check`
    out, err = IOBuffer(), IOBuffer()
    process = run(pipeline(Cmd(command; dir=backend.project_dir, env=child_environment(), ignorestatus=true);
                           stdin=devnull, stdout=out, stderr=err))
    process.exitcode == 0 && return String[]
    problems = split(String(take!(out)), '\n'; keepempty=false)
    if isempty(problems)
        throw(BackendError("missing-python", "$command: failed: $(strip(String(take!(err))))"))
    end
    return String.(problems)
end
