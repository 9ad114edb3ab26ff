# Nyx's side: find backends, and run the command `tagging-backend` in their folders.

"""
    CommandError(problem, exit_code)

The command `tagging-backend` failed or could not be started.

# Fields
- `problem::String`: the command's message in one line; if a script failed, with the script's message.
- `exit_code::Int`: 1 for an error that the user can fix; 2 for wrong usage; the exit code of a failed script;
  128 + n after signal n; 127 if the command could not be started.
"""
struct CommandError <: TaggingBackendsError
    problem::String
    exit_code::Int
end

Base.showerror(io::IO, error::CommandError) = print(io, error.problem)

# not `poetry run tagging-backend`: if the backend's environment has none, Poetry takes one that is on PATH
const COMMAND = `poetry run python -m taggingbackends`

"""
    findbackends(root)

Return a [`BackendExplorer`](@ref) for each backend among the folders in `root`, sorted by folder name.
Invalid backends are left out with a warning.

# Example
```julia
for backend in findbackends("/opt/backends")
    println(backend.package_name, ": ", list_models(backend))
end
```
"""
function findbackends(root)
    found = BackendExplorer[]
    for name in visible(root)
        folder = joinpath(root, name)
        try
            isdir(folder) && is_backend(folder) && push!(found, BackendExplorer(folder))
        catch error
            error isa Union{TaggingBackendsError,SystemError,Base.IOError} || rethrow()
            @warn "backend left out: $(sprint(showerror, error))"
        end
    end
    return found
end

list_models(backend::AbstractString) = list_models(BackendExplorer(backend))

"""
    predict(backend, model, files; output=nothing, force=false,
            command=`poetry run python -m taggingbackends`, options...)

Label recordings with a backend; return the predicted [`Labels`](@ref).

The command runs in the backend's folder. Its output is passed on to `stdout` and `stderr` while it runs.
The files are copied into a sandbox, so that several predictions can run at the same time.

# Arguments
- `backend`: a [`BackendExplorer`](@ref), or a backend's folder.
- `model`: one of `list_models(backend)`.
- `files`: the path of a tracker file or folder, or a vector of paths.
- `output`: a folder for the label files; by default no files are kept.
- `force`: replace existing label files in `output`.
- `command`: the command that starts `tagging-backend`, for environments without Poetry. The default runs it
  with the Python of the backend's environment.
- `options`: options of the backend's scripts, e.g. `threshold=0.5`, and of the command, e.g.
  `skip_make_dataset=true`.

# Returns
One `Labels` with all predicted runs. Each run's `dependencies` name the files that were labelled.

# Errors
- [`CommandError`](@ref): the command failed.
- `BackendError` `not-a-backend`; `existing-file`: two recordings have the same run identifier. The label
  files are kept then, in the folder that the message names.

# Example
```julia
predicted = predict("/opt/backends/My-Tagger", "20240611_101500", "20240612_090000@g@e@t5@p.spine")
predicted["20240612_090000"][1].states
```
"""
function predict(backend, model, files; output=nothing, force::Bool=false,
                 command::Cmd=COMMAND, options...)
    output === nothing || return predict_into(output, backend, model, files, force, command, options)
    # not mktempdir(f): the files are kept if they cannot be returned
    folder = mktempdir(; cleanup=false)
    predicted = try
        # the paths in the temporary folder are not printed
        predict_into(folder, backend, model, files, force, command, options; hidden=folder)
    catch error
        kept = error isa BackendError && error.kind == "existing-file"
        kept || rm(folder; recursive=true, force=true)
        rethrow()
    end
    rm(folder; recursive=true, force=true)
    return predicted
end

function predict_into(output, backend, model, files, force, command, options; hidden=nothing)
    paths = absolute_paths(files)
    isempty(paths) && throw(ArgumentError("expected files to label, found none"))
    folder = abspath(output)
    arguments = ["--model-instance=$model", "--output=$folder"]
    force && push!(arguments, "--force")
    said = run_command(backend, `$command predict $paths $arguments $(format_options(options))`, hidden)
    return read_all(printed_label_files(said, folder), folder)
end

"""
    train(backend, files; model_instance=nothing, pretrained_model_instance=nothing, force=false,
          command=`poetry run python -m taggingbackends`, options...)

Train a new model of a backend; return its identifier.

The command runs in the backend's folder. Its output is passed on to `stdout` and `stderr` while it runs.

# Arguments
- `backend`: a [`BackendExplorer`](@ref), or a backend's folder.
- `files`: the path of a label file, or of a folder of label files, or a vector of paths. Label files must be
  next to the tracker files that they depend on. If `files` is empty, the input that `model_instance` already
  has is used.
- `model_instance`: the new model's identifier; by default the local time.
- `pretrained_model_instance`: one of `list_pretrained_models(backend)`, to start from.
- `force`: replace an existing model of this name.
- `command`, `options`: see [`predict`](@ref).

# Errors
[`CommandError`](@ref): the command failed; there is no new model then.

# Example
```julia
model = train("/opt/backends/My-Tagger", ["a/truth.label", "b/truth.label"]; epochs=20)
```
"""
function train(backend, files; model_instance=nothing, pretrained_model_instance=nothing,
               force::Bool=false, command::Cmd=COMMAND, options...)
    known = (model_instance=model_instance, pretrained_model_instance=pretrained_model_instance,
             force=force)
    return run_training_command(`$command train`, backend, files, known, options)
end

"""
    finetune(backend, model, files; model_instance=nothing, force=false,
             command=`poetry run python -m taggingbackends`, options...)

Train a copy of a backend's model further; return the new model's identifier. See [`train`](@ref).
"""
function finetune(backend, model, files; model_instance=nothing, force::Bool=false,
                  command::Cmd=COMMAND, options...)
    known = (original_model_instance=model, model_instance=model_instance, force=force)
    return run_training_command(`$command finetune`, backend, files, known, options)
end

function run_training_command(command, backend, files, known, options)
    arguments = [format_options(known); format_options(options)]
    said = run_command(backend, `$command $(absolute_paths(files)) $arguments`)
    return String(strip(last(split(rstrip(said), '\n'))))
end

absolute_paths(file::AbstractString) = [abspath(file)]
absolute_paths(files) = String[abspath(file) for file in files]

"""
Run a command in a backend's folder, pass its output on, and return its standard output. Lines that begin
with `hidden` are not passed on.
"""
function run_command(backend, command, hidden=nothing)
    folder = backend isa BackendExplorer ? backend.project_dir : find_backend(backend)
    variables = child_environment()
    julia = joinpath(Sys.BINDIR, Base.julia_exename())
    isfile(julia) && get!(variables, "TAGGINGBACKENDS_JULIA", julia)  # for scripts in Julia
    variables["PYTHONIOENCODING"] = "utf-8"
    variables["PYTHONSAFEPATH"] = "1"  # no modules of the folder; Poetry has an option -P of its own
    backend isa BackendExplorer && merge!(variables, data_environment(backend))
    out, err = Pipe(), Pipe()
    process = try
        run(pipeline(Cmd(command; dir=folder, env=variables, ignorestatus=true);
                     stdin=devnull, stdout=out, stderr=err); wait=false)
    catch error
        error isa Base.IOError || rethrow()
        throw(CommandError("cannot start $(command.exec[1]): $(error.msg); install it, or give another " *
                           "command, such as command=`tagging-backend`", 127))
    end
    close(out.in)
    close(err.in)
    said, complained = IOBuffer(), IOBuffer()
    passing = [@async(pass_on_lines(out, stdout, said, hidden)), @async(pass_on(err, stderr, complained))]
    code = wait_for(process)
    foreach(wait, passing)
    code == 0 || throw(CommandError(message_of(String(take!(complained)), code), code))
    return String(take!(said))
end

function pass_on(from, to, kept)
    while !eof(from)
        bytes = readavailable(from)
        write(to, bytes)
        write(kept, bytes)
    end
    flush(to)
    return nothing
end

function pass_on_lines(from, to, kept, hidden)
    for line in eachline(from; keep=true)
        hidden !== nothing && startswith(line, hidden) || write(to, line)
        write(kept, line)
    end
    flush(to)
    return nothing
end

"""Return the message of a failed command in one line."""
function message_of(complained, code)
    lines = filter(!isempty, strip.(split(complained, '\n')))
    isempty(lines) && return "tagging-backend ended with exit code $code"
    at = something(findlast(startswith("Error: "), lines), length(lines))
    message = without_prefix(lines[at])
    if occursin(r" failed with exit code \d+ \(", message)  # a script's own message stands before
        before = filter(!startswith("Warning: "), lines[1:at - 1])
        why = something(findlast(line -> occursin(r"^(Error|ERROR): ", line), before), length(before))
        why > 0 && (message *= ": " * without_prefix(before[why]))
    end
    return message
end

without_prefix(line) = replace(line, r"^(Error|ERROR): " => "")

"""Return the label files that the command printed last, one per line."""
function printed_label_files(said, folder)
    files = String[]
    for line in reverse(split(said, '\n'; keepempty=false))
        path = String(rstrip(line, '\r'))
        is_below(path, folder) && isfile(path) || break
        pushfirst!(files, path)
    end
    return files
end

function read_all(files, folder)
    predicted = Labels()
    for file in files
        found = readlabels(file)
        twice = intersect(keys(predicted), keys(found))
        if !isempty(twice)
            throw(BackendError("existing-file",
                "$(first(twice)): expected one recording per run, found several; read the label files below $folder"))
        end
        mergelabels!(predicted, found)
    end
    return predicted
end
