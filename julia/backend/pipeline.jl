# Runs a backend's scripts as processes. They are started here, and the command in nyx.jl.

"""Environment variable of scripts: the Python that runs the command."""
const PYTHON = "TAGGINGBACKENDS_PYTHON"

const GRACE = 5.0  # seconds that an interrupted process has to end by itself
const SIGNAL_TERMINATE, SIGNAL_KILL = 15, 9

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
function predict_model(backend::BackendExplorer; options...)
    script = required_script(backend, "predict_model")
    before = label_files(backend)
    run_script(backend, script, options)
    new = [file for (file, status) in label_files(backend) if get(before, file, nothing) != status]
    foreach(file -> complete(backend, file), new)
    return new
end

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

function run_optional(backend, step, options)
    script = find_script(backend, step)
    script === nothing || run_script(backend, script, options)
    return nothing
end

function run_training(backend, step, options, force)
    script = required_script(backend, step)
    return unfinished_model(backend; force=force) do environment
        return run_script(backend, script, options, environment)
    end
end

function required_script(backend, step)
    script = find_script(backend, step)
    script === nothing || return script
    places = "$(joinpath("src", backend.package_name, "models", step)).py or scripts/$step.py (or .jl)"
    throw(BackendError("missing-script",
        "$(backend.project_dir): expected a script $places, found none"))
end

function run_script(backend, script, options, environment=Dict{String,String}())
    # marked before anything runs, or fails
    if backend.model_instance !== nothing && backend.sandbox !== nothing
        foreach(stage -> made_data_dir(backend, stage), ("raw", "interim", "processed"))
    end
    arguments = String[]
    backend.model_instance === nothing || push!(arguments, "--model-instance=$(backend.model_instance)")
    backend.sandbox === nothing || push!(arguments, "--sandbox=$(backend.sandbox)")
    append!(arguments, format_options(options))
    variables = merge(Dict(ENV), environment)
    interpreter = suffix_of(script) == ".jl" ? julia_command!(variables, backend) :
                  python_command!(variables, backend)
    command = Cmd(`$interpreter $script $arguments`; dir=backend.project_dir, env=variables,
                  ignorestatus=true)
    flush(stdout)
    process = run(pipeline(command; stdin=stdin, stdout=stdout, stderr=stderr); wait=false)
    code = wait_for(process)
    code == 0 || throw(ScriptError(stem_of(script), relpath(script, backend.project_dir), code))
    return nothing
end

"""Return the command for scripts in Julia, and let them find this very package."""
function julia_command!(variables, backend)
    separator = Sys.iswindows() ? ';' : ':'
    # an empty entry stands for Julia's own ones
    variables["JULIA_LOAD_PATH"] = PACKAGE * separator *
                                   get(variables, "JULIA_LOAD_PATH", "")
    has_project = isfile(joinpath(backend.project_dir, "Project.toml"))
    project = has_project ? ["--project=$(backend.project_dir)"] : String[]
    return `$(Base.julia_cmd()) --startup-file=no $project`
end

"""Return the command for scripts in Python, and let them find their own package."""
function python_command!(variables, backend)
    source = joinpath(backend.project_dir, "src")
    if isdir(source)
        known = get(variables, "PYTHONPATH", "")
        separator = Sys.iswindows() ? ';' : ':'
        variables["PYTHONPATH"] = isempty(known) ? source : source * separator * known
    end
    variables["PYTHONUNBUFFERED"] = "1"
    return python_command()
end

"""Return the command of the Python that has taggingbackends; to be run in the backend's folder."""
function python_command()
    python = get(ENV, PYTHON, "")
    isempty(python) || return `$python`
    if Sys.which("poetry") === nothing
        throw(BackendError("missing-python", "expected poetry on the PATH, found none: install it, or " *
            "name the Python that has taggingbackends in the environment variable $PYTHON"))
    end
    return `poetry run python`
end

"""Wait for a process, and return its exit code, 128 + n after signal n. It does not outlive the wait."""
function wait_for(process)
    try
        wait(process)
    catch error
        # A terminal has interrupted the process as well: let it end by itself first.
        error isa InterruptException && ends_in_time(process) || end_process(process)
        rethrow()
    end
    return process.termsignal > 0 ? 128 + process.termsignal : Int(process.exitcode)
end

ends_in_time(process) = timedwait(() -> process_exited(process), GRACE; pollint=0.05) === :ok

function end_process(process)
    kill(process, SIGNAL_TERMINATE)
    ends_in_time(process) || kill(process, SIGNAL_KILL)
    return nothing
end

"""Return the label files below data/processed => what changes when they are written."""
function label_files(backend)
    statuses = OrderedDict{String,Tuple{Float64,Int,UInt}}()
    for file in filter(is_label_file, list_processed_files(backend))
        status = stat(file)
        statuses[file] = (status.mtime, status.size, status.inode)
    end
    return statuses
end
