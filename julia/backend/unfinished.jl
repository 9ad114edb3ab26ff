# A model stays in a hidden folder until its training has succeeded.

"""
    unfinished_model(work, backend; force=false)

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
unfinished_model(backend) do environment
    withenv(environment...) do
        write(joinpath(model_dir(backend), "weights"), weights)
    end
end
```
"""
function unfinished_model(work, backend::BackendExplorer; force::Bool=false)
    instance = the_instance(backend, "training")
    mkpath(models_folder(backend))
    return not_in_training(backend, "name another with model_instance=...") do
        make_model(work, backend, instance, force)
    end
end

"""
    not_in_training(work, backend, fix)

Call `work()` and return its result; meanwhile no other process trains the instance.

# Errors
`BackendError` `existing-model`: another process is training the instance.
"""
function not_in_training(work, backend::BackendExplorer, fix)
    instance = the_instance(backend, "training")
    try
        return locked(work, training_lock(backend, instance))
    catch error
        error isa LockedError && error.path == training_lock(backend, instance) || rethrow()
        throw(BackendError("existing-model", "another training of $instance is under way"; fix=fix))
    end
end

function make_model(work, backend, instance, force)
    model = trained_model_dir(backend, instance)
    unfinished = unfinished_model_dir(backend, instance)
    replaced = replaced_model_dir(backend, instance)
    ispath(replaced) && !ispath(model) && rename_path(replaced, model)  # killed between two renames
    replace = ispath(model)
    if replace && !force
        throw(BackendError("existing-model", "model $instance exists already in $(dirname(model))";
                           fix="name another with model_instance=..., or replace it with force=true"))
    end
    remove_folder(unfinished)
    mkdir(unfinished)
    try
        result = work(Dict(TRAINING => instance))
        put_model(unfinished, model, replaced, replace)
        return result
    catch
        rm(unfinished; recursive=true, force=true)
        rethrow()
    end
end

function put_model(unfinished, model, replaced, replace)
    if ispath(model) && !replace
        throw(BackendError("existing-model", "$model: expected no such folder yet";
                           fix="the script should write into model_dir(backend)"))
    end
    remove_folder(replaced)
    try
        ispath(model) && rename_path(model, replaced)
        rename_path(unfinished, model)
    catch
        ispath(replaced) && !ispath(model) && rename_path(replaced, model)
        rethrow()
    end
    remove_folder(replaced)
    return nothing
end

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
    unfinished = unfinished_model_dir(backend, instance)
    model, replaced = trained_model_dir(backend, instance), replaced_model_dir(backend, instance)
    try
        code == 0 && put_model(unfinished, model, replaced, false)
    finally
        rm(unfinished; recursive=true, force=true)
        rm(training_lock(backend, instance); force=true)
    end
    return nothing
end
