# The main program of a backend's script.

const TRAINING_SCRIPTS = ("train_model", "finetune_model")

# System errors that the user can fix, such as a missing file, missing permissions or a full disk.
const FILE_ERRORS = (:EACCES, :EDQUOT, :EEXIST, :EFBIG, :EIO, :EISDIR, :ELOOP, :ENAMETOOLONG, :ENOENT, :ENOSPC,
                     :ENOTDIR, :ENOTEMPTY, :EPERM, :EROFS)
const USER_ERRORS = [getfield(Libc, name) for name in FILE_ERRORS if isdefined(Libc, name)]
const USER_ERRORS_UV = [getfield(Base, Symbol(:UV_, name)) for name in FILE_ERRORS
                     if isdefined(Base, Symbol(:UV_, name))]

"""
    TaggingBackends.main(work, arguments=ARGS)

Call a script's function with a [`BackendExplorer`](@ref) and the options from the command line; then exit.

The explorer is the first argument. Its model instance and sandbox are those of `--model-instance` and
`--sandbox`. Its backend is the one that contains the script, or else the nearest at or above the current
folder.

The other options become keyword arguments, of the types of their declarations or else of their default values:
`--epochs 20` becomes `epochs=20` for `epochs::Int` or `epochs=10`, and `epochs="20"` for `epochs=nothing`. A
function without `options...` only gets the options that it names.

These types are converted: integers, floating-point numbers, `Bool` (`--shuffle`, `--no-shuffle`), `String`,
`Symbol`, a `Vector` of these, and `Union{Nothing,T}`. The values of a vector are given as `--labels run,cast` or
`--labels run --labels cast`. They are read from the function's source text. Other types get text.

`--help` alone prints the usage, the function's docstring and its options.

A train_model or finetune_model script that you run by hand also puts its model in place only after it has
succeeded. The function should return and not call `exit(0)`: before Julia 1.9 no model is put in place then.

# Arguments
- `work`: called as `work(backend; options...)`.

# Exit code
0 after success; 1 after an error that the user can fix, which is printed in one line (see
[`TaggingBackendsError`](@ref)); 2 for wrong usage; 130 after Ctrl-C. Other exceptions are rethrown, with
their stack trace.

# Example
```julia
using TaggingBackends

function predict_model(backend; threshold=0.5)
    for (file, parts) in findrecordings(list_input_files(backend))
        # ...
    end
end

if abspath(PROGRAM_FILE) == @__FILE__
    TaggingBackends.main(predict_model)
end
```
"""
function main(work, arguments=ARGS)
    Base.exit_on_sigint(false)
    exit(exit_code_of(work, arguments))
end

"""Run a script like [`main`](@ref), and return the exit code."""
function exit_code_of(work, arguments, script=abspath(PROGRAM_FILE))
    if arguments == ["-h"] || arguments == ["--help"]
        print_help(work, script)
        return 0
    end
    return with_logger(() -> run_script_function(work, arguments, script), Messages())
end

function run_script_function(work, arguments, script)
    backend = Ref{Union{BackendExplorer,Nothing}}(nothing)
    try
        call(work, arguments, script, backend)
    catch error
        if error isa OptionError
            @error "$(basename(script)): $(error.problem)"
            return 2
        elseif error isa InterruptException
            return 130
        elseif is_user_error(error)
            reworded = in_script_words(named_by_origin(error, backend[]), stem_of(script))
            return report(reworded, catch_backtrace())
        end
        trace = sprint(showerror, error, catch_backtrace())
        write_message(Logging.Error, first(split(trace, '\n')), trace; log_only=true)
        rethrow()
    end
    return 0
end

function print_help(work, script)
    names = keyword_names(work)
    options = [endswith(String(name), "...") ? "and any other" : dashed(name) for name in names]
    println("usage: ", basename(script), " --model-instance NAME [--sandbox TOKEN] [options]\n")
    said = docstring(work)
    isempty(said) || println(said, "\n")
    return println("options: ", isempty(options) ? "none" : join(options, " "))
end

"""Return the source text of a function's docstring, or "" if it has none."""
function docstring(work)
    # Docs.doc needs REPL to be loaded since Julia 1.11.
    home = parentmodule(work)
    known = get(Base.Docs.meta(home), Base.Docs.Binding(home, nameof(work)), nothing)
    known isa Base.Docs.MultiDoc || return ""
    texts = [join(part for part in known.docs[signature].text if part isa AbstractString)
             for signature in known.order]
    return join((strip(text, '\n') for text in texts), "\n\n")
end

function call(work, arguments, script, made)
    options = parse_options(arguments)
    instance = take_out!(options, :model_instance)
    sandbox = take_out!(options, :sandbox)
    taken = taken_options(work, options)
    by_hand = stem_of(script) in TRAINING_SCRIPTS && !haskey(ENV, TRAINING)
    if by_hand && instance === nothing
        instance = new_instance()
    end
    backend = made[] = BackendExplorer(project_of(script); model_instance=instance, sandbox=sandbox)
    by_hand || return call_with(work, backend, taken)
    under_way = Ref(false)
    try
        return unfinished_model(backend) do environment
            under_way[] = true
            end_training_at_exit(backend, under_way)
            return withenv(() -> call_with(work, backend, taken), environment...)
        end
    finally
        under_way[] = false
    end
end

"""
    is_user_error(error)

Return whether the user can fix an error; a programmer has to fix other errors.
"""
is_user_error(::TaggingBackendsError) = true
is_user_error(error::SystemError) = error.errnum in USER_ERRORS
is_user_error(error::Base.IOError) = error.code in USER_ERRORS_UV || -error.code in USER_ERRORS
is_user_error(error) = false

"""Return an error about a file in data/raw with the path from which the file was pushed."""
function named_by_origin(error, backend)
    (backend === nothing || !(error isa Union{LabelFileError,TrackFileError})) && return error
    error.file === nothing && return error
    file = origin(backend, error.file)
    error isa TrackFileError && return TrackFileError(error.problem, file, error.line, error.key)
    return LabelFileError(error.kind, error.problem, file, error.run, error.track, error.index)
end

"""Return an error whose fix is in terms of the command line; a script has no option `--force`."""
function in_script_words(error, step)
    error isa BackendError || return error
    command = replace(step, r"_model$" => "")
    fix = error.fix
    for words in ("force=true" => "`tagging-backend $command --force`",
                  "model_instance=..." => "--model-instance NAME",
                  "data_folder=..." => "TAGGINGBACKENDS_DATA, or --data DIR of the command",
                  "reset_data(backend)" => "`tagging-backend reset`",
                  ", or name one with project_dir" => "")
        fix = replace(fix, words)
    end
    return BackendError(error.kind, error.problem, fix)
end

"""Report an error in one line, and return the exit code."""
function report(error, trace)
    # the script itself has reported its error, with the stack trace
    shown = error isa ScriptError ? "" : sprint(showerror, error, trace)
    write_message(Logging.Error, join(split(sprint(showerror, error)), " "), shown)
    return error isa ScriptError ? error.exit_code : 1
end

function take_out!(options, name)
    value = last(as_list(pop!(options, name, nothing)))
    value === true && throw(OptionError("$(dashed(name)) needs a value"))
    return value
end

"""
Return the keyword arguments for a function. Report the options that it takes to the command. Without a command,
refuse the others: no other script runs that could take them.
"""
function taken_options(work, options)
    keywords = isempty(options) ? Keyword[] : keywords_in_source(work)
    names = keyword_names(work)
    takes_all = any(name -> endswith(String(name), "..."), names)
    taken = Symbol[]
    values = OrderedDict{Symbol,Any}()
    known = OrderedDict{Symbol,Keyword}(one.name => one for one in keywords)
    for (name, given) in options
        flag = Symbol(replace(String(name), r"^no_" => ""))
        if name in names || (takes_all && !is_flag(known, flag))
            values[name] = converted(work, get(known, name, nothing), name, given)
        elseif is_flag(known, flag)
            last(as_list(given)) === true ||
                throw(OptionError("$(dashed(name)): expected no value, found $(shown(last(as_list(given))))"))
            delete!(values, flag)
            values[flag] = false
        else
            continue
        end
        push!(taken, name)
    end
    leave_note("taken", taken...) && return values
    for name in setdiff(keys(options), taken)
        if name in TRACKER_OPTIONS
            @warn "$(nameof(work)) takes no $(dashed(name))"
        else
            throw(OptionError("$(nameof(work)) takes no $(dashed(name)); $(known_options(name, names))"))
        end
    end
    return values
end

"""Options of `loadtracks`, which a script may leave aside."""
const TRACKER_OPTIONS = (:pixelsize, :framerate)

is_flag(known, name) = haskey(known, name) && known[name].kind == "bool"

function known_options(name, names)
    isempty(names) && return "there are no options"
    near = did_you_mean(String(name), String.(names))
    startswith(near, "did you mean") || return "known options: $(join(map(dashed, sort(names)), ", "))"
    return replace(near, r"(?<=mean | or )\w+" => dashed)
end

"""Return the value of an option of a function, of the type that the keyword declares."""
function converted(work, keyword, name, given)
    keyword === nothing && return last(as_list(given))
    value = option_value(keyword.kind, dashed(name), given)
    (keyword.kind == "text" || keyword.type === nothing) && return value
    type = Core.eval(parentmodule(work), keyword.type)
    value isa String && Symbol <: type && return Symbol(value)
    try
        return convert(type, value)
    catch error
        error isa InexactError || rethrow()
        throw(wrong_value(keyword.kind, dashed(name), last(as_list(given))))
    end
end

"""Return the keyword arguments in the source text of a function; none if that cannot be found."""
function keywords_in_source(work)
    for method in methods_of(work)
        file = abspath(String(method.file))
        isfile(file) || continue
        found = definitions(file)
        # the line of a definition is that of its docstring, if it has one
        above = filter(one -> one.line <= method.line, get(found.functions, nameof(work), Definition[]))
        isempty(above) || return first(keywords_of(last(above).call, found.constants))
    end
    return Keyword[]
end

"""Return the methods of the definition of a function of a `BackendExplorer`."""
function methods_of(work)
    if !hasmethod(work, Tuple{BackendExplorer})
        throw(ArgumentError("expected a function of a BackendExplorer, found $work"))
    end
    method = which(work, Tuple{BackendExplorer})
    # Default values of positional arguments make several methods of one definition. Only the method with
    # all arguments has the keywords.
    return filter(m -> (m.file, m.line) == (method.file, method.line), collect(methods(work)))
end

"""Return the names of a function's keyword arguments, with `...` after a name that takes all others."""
keyword_names(work) = union(Symbol[], map(Base.kwarg_decl, methods_of(work))...)

function call_with(work, backend, options)
    try
        return work(backend; options...)
    catch error
        # Julia cannot list the keywords without a default value before the call.
        if error isa UndefKeywordError && !haskey(options, error.var) && error.var in keyword_names(work)
            throw(OptionError("$(nameof(work)) needs $(dashed(error.var))"))
        end
        rethrow()
    end
end

"""Return the backend that contains a script, or `nothing`."""
function project_of(script)
    isfile(script) || return nothing
    # the script's own path first: a linked script belongs to the link's backend
    for path in (abspath(script), realpath(script)), folder in upwards(dirname(path))
        is_backend(folder) && return folder
    end
    return nothing
end
