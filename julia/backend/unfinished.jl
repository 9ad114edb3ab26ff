# A model in training is in a hidden folder, until the training has succeeded.

"""
    model_in_the_making(work, backend; force=false)

Put the explorer's model instance in place after `work` has succeeded, and only then.

During `work(environment)`, the folder models/.<instance>.partial exists, empty at first. Afterwards it is
renamed to models/<instance>, or removed after an exception. Leftovers of a killed training are removed.
`environment` holds the environment variables for the training process, which make [`model_dir`](@ref) the
folder to write into.

# Arguments
- `backend`: with a model instance.
- `force`: replace an existing model of this name when the new one is complete.

# Returns
What `work` returns.

# Errors
`BackendError` `existing-model`: the instance exists already, or is being trained.

# Example
```julia
model_in_the_making(backend) do environment
    withenv(environment...) do
        write(joinpath(model_dir(backend), "weights"), weights)
    end
end
```
"""
function model_in_the_making(work, backend::BackendExplorer; force::Bool=false)
    instance = the_instance(backend, "training")
    mkpath(joinpath(backend.project_dir, "models"))
    try
        return locked(() -> make_model(work, backend, instance, force), training_lock(backend, instance))
    catch error
        error isa LockedError && error.path == training_lock(backend, instance) || rethrow()
        throw(BackendError("existing-model",
            "another training of $instance is under way; name another --model-instance"))
    end
end

training_lock(backend, instance) = joinpath(backend.project_dir, "models", ".$instance.lock")

function make_model(work, backend, instance, force)
    model = joinpath(backend.project_dir, "models", instance)
    partial = partial_model_dir(backend, instance)
    replaced = joinpath(dirname(model), ".$instance.replaced")
    # left by a process that was killed between two renames
    ispath(replaced) && !ispath(model) && rename_folder(replaced, model)
    replace = ispath(model)
    if replace && !force
        throw(BackendError("existing-model",
            "model $instance exists already in $(dirname(model)): name another --model-instance, or " *
            "replace it with --force"))
    end
    remove_folder(partial)
    mkdir(partial)
    try
        result = work(Dict(TRAINING => instance))
        put_model(partial, model, replaced, replace)
        return result
    catch
        rm(partial; recursive=true, force=true)
        rethrow()
    end
end

function put_model(partial, model, replaced, replace)
    if ispath(model) && !replace
        throw(BackendError("existing-model",
            "$model: expected this folder not to exist; the script must write into model_dir(backend)"))
    end
    remove_folder(replaced)
    try
        ispath(model) && rename_folder(model, replaced)
        rename_folder(partial, model)
    catch
        ispath(replaced) && !ispath(model) && rename_folder(replaced, model)
        rethrow()
    end
    remove_folder(replaced)
    return nothing
end

# not Base's mv, which falls back to copying
rename_folder(from, to) =
    Base.uv_error("rename", ccall(:jl_fs_rename, Int32, (Cstring, Cstring), from, to))

"""
Clean up a training when a signal, or `exit` in a script, skips `finally`. `under_way[]` is false after the
training, when the folder and the lock may belong to another process.
"""
function end_training_at_exit(backend, under_way)
    # before Julia 1.9 the exit code is unknown here, so no model is put in place
    VERSION >= v"1.9" || return atexit(() -> under_way[] && end_training(backend, nothing))
    return atexit(code -> under_way[] && end_training(backend, code))
end

"""Put the trained model in place if the script has succeeded, as the command does; otherwise remove it."""
function end_training(backend, code)
    instance = the_instance(backend, "training")
    partial = partial_model_dir(backend, instance)
    model, replaced = joinpath.(dirname(partial), (instance, ".$instance.replaced"))
    try
        code == 0 && put_model(partial, model, replaced, false)
    finally
        rm(partial; recursive=true, force=true)
        rm(training_lock(backend, instance); force=true)
    end
    return nothing
end
