# A model stays in a hidden folder until its training has succeeded.

"""
    unfinished_model(work, backend; force=false)

Put the explorer's model instance in place after `work` has succeeded, and only then.

During `work(environment)`, the folder models/.<instance>.partial exists, empty at first. Afterwards it is
written to the disk and renamed to models/<instance>, or removed after an exception. Leftovers of a killed
training are removed first. At any moment, the model is complete or not there.
`environment` holds the environment variables for the training process, which make [`model_dir`](@ref) the
folder to write into.

# Arguments
- `backend`: with a model instance.
- `force`: replace an existing model of this name when the new one is complete.

# Returns
What `work` returns.

# Errors
`BackendError` `existing-model`: the instance exists already, or is being trained. `SystemError` or
`Base.IOError`: the model cannot be written to the disk, or a leftover cannot be removed.

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
        return locked(work, training_lock(backend, instance); inherited=true)
    catch error
        error isa LockedError && error.path == training_lock(backend, instance) || rethrow()
        throw(BackendError("existing-model", "another training of $instance is under way"; fix=fix))
    end
end

"""Remove a model and any leftovers of a killed training; see [`reset_model`](@ref)."""
function remove_model(backend::BackendExplorer)
    instance = the_instance(backend, "reset_model")
    isdir(models_folder(backend)) || return String[]
    model, removed = trained_model_dir(backend, instance), removed_model_dir(backend, instance)
    unfinished, replaced = unfinished_model_dir(backend, instance), replaced_model_dir(backend, instance)
    return not_in_training(backend, "wait for it, or end it") do
        found = filter(is_there, [model, unfinished, replaced, removed])
        # without the new model, the replaced one would be used
        foreach(folder -> discard(folder, removed), reverse(found))
        return found
    end
end

function make_model(work, backend, instance, force)
    model, removed = trained_model_dir(backend, instance), removed_model_dir(backend, instance)
    unfinished, replaced = unfinished_model_dir(backend, instance), replaced_model_dir(backend, instance)
    # a training was killed between its two renames
    ispath(replaced) && !is_there(model) && rename_path(replaced, model)
    replace = is_there(model)
    if replace && !force
        throw(BackendError("existing-model", "model $instance exists already in $(dirname(model))";
                           fix="name another with model_instance=..., or replace it with force=true"))
    end
    foreach(folder -> discard(folder, removed), (removed, unfinished, replaced))
    mkdir(unfinished)
    try
        result = work(Dict(TRAINING => instance))
        put_model(unfinished, model, replaced, replace)
        return result
    finally
        discard_rest(unfinished, model, replaced, removed)
    end
end

"""Put a model in its place. The old one is left in a hidden folder."""
function put_model(unfinished, model, replaced, replace, exchange=exchange)
    there = is_there(model)
    if there && !replace
        throw(BackendError("existing-model", "$model: expected no such folder yet";
                           fix="the script should write into model_dir(backend)"))
    end
    sync_tree(unfinished)
    if !there
        rename_path(unfinished, model)
    elseif !exchange(unfinished, model)
        try
            rename_path(model, replaced)
            rename_path(unfinished, model)
        catch
            is_there(model) || rename_path(replaced, model)
            rethrow()
        end
    end
    return sync_rename(dirname(model))
end

"""Remove what is left after a training, as far as possible; `check` lists the rest."""
function discard_rest(unfinished, model, replaced, removed)
    try
        discard(unfinished, removed)
        is_there(model) && discard(replaced, removed)
    catch error
        error isa Union{SystemError,Base.IOError} || rethrow()
    end
    return nothing
end

"""Remove a folder, under a name by which a part of it is never taken for a model."""
function discard(folder, removed)
    is_there(folder) || return nothing
    if folder != removed
        remove_folder(removed)
        rename_path(folder, removed)
        sync_rename(dirname(removed))
    end
    remove_folder(removed)
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
    unfinished, removed = unfinished_model_dir(backend, instance), removed_model_dir(backend, instance)
    model, replaced = trained_model_dir(backend, instance), replaced_model_dir(backend, instance)
    try
        code == 0 && put_model(unfinished, model, replaced, false)
    finally
        discard_rest(unfinished, model, replaced, removed)
        rm(training_lock(backend, instance); force=true)
    end
    return nothing
end
