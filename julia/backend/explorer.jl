# What can be done with a backend's folder; `push` and `pull` are in staging.jl.

# -- removal

"""
    reset_data(backend)

Remove this instance's data, with a sandbox that sandbox's only; return the folders.

# Errors
`BackendError`: `no-model-instance`; `not-a-sandbox`, the folder is one of input.

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
    return filter(remove_folder, folders)
end

"""
    reset_model(backend)

Remove this instance's model, and what a killed training left; return the folders.

# Errors
`BackendError` `no-model-instance`.
"""
function reset_model(backend::BackendExplorer)
    instance = the_instance(backend, "reset_model")
    model = joinpath(backend.project_dir, "models", instance)
    return filter(remove_folder, [model, partial_model_dir(backend, instance)])
end

"""
    make_dataset(backend; options...)

Run the script make_dataset, if the backend has one. `options` reach its function as keyword arguments:
`true` as it is, other values as text.

# Errors
`ScriptError`, if it fails; `BackendError` `ambiguous-script`, `missing-julia`, `missing-python`.

# Example
```julia
make_dataset(backend; rate=30)
```
"""
make_dataset(backend::BackendExplorer; options...) = run_optional(backend, "make_dataset", options)

"""
    build_features(backend; options...)

Run the script build_features, if the backend has one; as [`make_dataset`](@ref).
"""
build_features(backend::BackendExplorer; options...) = run_optional(backend, "build_features", options)

"""
    train_model(backend; force=false, options...)

Run the script train_model; the model appears when it has succeeded. With `force` it may replace an old
one.

# Errors
As [`make_dataset`](@ref), and `BackendError`: `missing-script`, `existing-model`.

# Example
```julia
train_model(BackendExplorer("My-Tagger"; model_instance="new"); epochs=20)
```
"""
train_model(backend::BackendExplorer; force::Bool=false, options...) =
    run_training(backend, "train_model", options, force)

"""
    finetune_model(backend; original_model_instance, force=false, options...)

Run the script finetune_model, as [`train_model`](@ref).
"""
finetune_model(backend::BackendExplorer; force::Bool=false, options...) =
    run_training(backend, "finetune_model", options, force)

"""
    predict_model(backend; options...)

Run the script predict_model; complete and return the new label files: software and dependencies are added
where they lack them.

# Errors
As [`make_dataset`](@ref); `BackendError` `missing-script`; `LabelFileError`, what it wrote is no label
file.

# Example
```julia
files = predict_model(BackendExplorer("My-Tagger"; model_instance="m"))
```
"""
predict_model(backend::BackendExplorer; options...) = run_prediction(backend, options)

"""
    check(backend)

Return a vector of everything that breaks docs/contract.md, sections 1 and 2, each with what mends it. The
Python half looks.

# Errors
`BackendError` `missing-python`.

# Example
```julia
foreach(println, check(BackendExplorer("My-Tagger")))
```
"""
function check(backend::BackendExplorer)
    command = `$(python_command()) -m taggingbackends --project $(backend.project_dir) check`
    out, err = IOBuffer(), IOBuffer()
    process = run(pipeline(Cmd(ignorestatus(command); dir=backend.project_dir);
                           stdin=devnull, stdout=out, stderr=err))
    process.exitcode == 0 && return String[]
    problems = split(String(take!(out)), '\n'; keepempty=false)
    if isempty(problems)
        throw(BackendError("missing-python", "$command: failed: $(strip(String(take!(err))))"))
    end
    return String.(problems)
end
