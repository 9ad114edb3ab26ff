# Runs a backend's scripts as processes. (nyx.jl starts the command.)

"""Environment variable: the Python that has taggingbackends."""
const PYTHON = "TAGGINGBACKENDS_PYTHON"

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

function run_prediction(backend, options)
    script = required_script(backend, "predict_model")
    before, known = label_files(backend), software(backend)
    run_script(backend, script, options)
    new = [file for (file, status) in label_files(backend) if get(before, file, nothing) != status]
    complete(backend, new, known)
    return new
end

function required_script(backend, step)
    script = find_script(backend, step)
    script === nothing || return script
    places = "$(joinpath("src", backend.package_name, "models", step)).py or scripts/$step.py (or .jl)"
    throw(BackendError("missing-script",
        "$(backend.project_dir): expected a script $places, found none"))
end

function run_script(backend, script, options, environment=Dict{String,String}())
    # mark the sandbox before anything runs or fails
    if backend.model_instance !== nothing && backend.sandbox !== nothing
        foreach(stage -> made_data_dir(backend, stage), ("raw", "interim", "processed"))
    end
    arguments = String[]
    backend.model_instance === nothing || push!(arguments, "--model-instance=$(backend.model_instance)")
    backend.sandbox === nothing || push!(arguments, "--sandbox=$(backend.sandbox)")
    append!(arguments, format_options(options))
    variables = merge(child_environment(), environment, data_environment(backend))
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

"""Return the environment variable that names the data folder, if that is not the backend's own."""
function data_environment(backend)
    own = backend.data_folder == joinpath(backend.project_dir, "data") && !haskey(ENV, DATA)
    return own ? Dict{String,String}() : Dict(DATA => backend.data_folder)
end

"""Return the command for scripts in Julia; add this package to their load path."""
function julia_command!(variables, backend)
    separator = Sys.iswindows() ? ';' : ':'
    # an empty entry stands for Julia's defaults
    variables["JULIA_LOAD_PATH"] = PACKAGE * separator
    has_project = isfile(joinpath(backend.project_dir, "Project.toml"))
    project = has_project ? ["--project=$(backend.project_dir)"] : String[]
    return `$(Base.julia_cmd()) --startup-file=no $project`
end

"""Return the command for scripts in Python; add the backend's src folder to their path."""
function python_command!(variables, backend)
    source = joinpath(backend.project_dir, "src")
    if isdir(source)
        variables["PYTHONPATH"] = source
    end
    variables["PYTHONUNBUFFERED"] = "1"
    return python_command()
end

"""Return the command for the Python that has taggingbackends. Run it in the backend's folder."""
function python_command()
    python = get(ENV, PYTHON, "")
    isempty(python) || return `$python`
    if Sys.which("poetry") === nothing
        throw(BackendError("missing-python", "expected poetry on the PATH, found none: install it, or " *
            "name the Python that has taggingbackends in the environment variable $PYTHON"))
    end
    return `poetry run python`
end

"""Return label files below data/processed => modification time, size and inode."""
function label_files(backend)
    statuses = OrderedDict{String,Tuple{Float64,Int,UInt}}()
    for file in filter(islabelfile, list_processed_files(backend))
        status = stat(file)
        statuses[file] = (status.mtime, status.size, status.inode)
    end
    return statuses
end
