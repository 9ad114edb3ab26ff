# Log messages, on standard error and in a log file.

using Logging: AbstractLogger, Logging, LogLevel, with_logger

"""Environment variable: show the stack trace of every error."""
const DEBUG = "TAGGINGBACKENDS_DEBUG"

"""Environment variable: `quiet` (show errors only) or `verbose` (also show progress)."""
const VERBOSITY = "TAGGINGBACKENDS_VERBOSITY"

"""Environment variable: the log file, which gets messages of all levels."""
const LOG = "TAGGINGBACKENDS_LOG"

"""Environment variable of scripts: the file to which they append notes for the command that runs them."""
const NOTES = "TAGGINGBACKENDS_NOTES"

"""
    Messages()

A logger that prints messages to standard error, one per line, and appends them to the log. The environment
variables set the level and the log file. Debug messages are ignored.
"""
struct Messages <: AbstractLogger
    remaining::Dict{Any,Int}  # how often a message with `maxlog` may still be printed
end

Messages() = Messages(Dict{Any,Int}())

Logging.min_enabled_level(::Messages) = Logging.Info

Logging.shouldlog(logger::Messages, level, _module, group, id) = get(logger.remaining, id, 1) > 0

function Logging.handle_message(logger::Messages, level, message, _module, group, id, file, line;
                                maxlog=nothing, exception=nothing, details...)
    if maxlog isa Integer
        remaining = get!(logger.remaining, id, maxlog)
        logger.remaining[id] = remaining - 1
        remaining > 0 || return nothing
    end
    text, trace = string(message), ""
    isempty(details) || (text *= " (" * join(("$name = $value" for (name, value) in details), ", ") * ")")
    if exception !== nothing
        error = exception isa Tuple ? exception : (exception,)
        text *= ": " * sprint(show_error, first(error))
        trace = sprint(show_error, error...)
    end
    return write_message(level, text, trace)
end

show_error(io::IO, error::Exception, trace...) = showerror(io, error, trace...)
show_error(io::IO, error, trace...) = print(io, error)

"""Append a message to the log. Print it too if its level is shown, unless it is for the log only."""
function write_message(level, text, trace=""; log_only=false)
    text, trace = printable_lines(text), printable_lines(trace)
    name = level >= Logging.Error ? "Error" : level >= Logging.Warn ? "Warning" : "Info"
    append_to_log(string(lowercase(name), ": ", text, isempty(trace) ? "" : "\n", trace))
    verbosity = get(ENV, VERBOSITY, "")
    shown = verbosity == "quiet" ? Logging.Error : verbosity == "verbose" ? Logging.Info : Logging.Warn
    (log_only || level < shown) && return nothing
    isempty(get(ENV, DEBUG, "")) || isempty(trace) || println(stderr, trace)
    if name == "Info"
        println(stderr, text)
    else
        println(stderr, colored("$name:"), " ", join(strip.(split(text, '\n')), " "))
    end
    return nothing
end

"""Return text in one line that a terminal shows and does not act on, e.g. ESC as `\\e`."""
function printable(text::AbstractString)
    any(is_unprintable, text) || return text
    return sprint() do io
        for c in text
            print(io, is_unprintable(c) ? escape_string(string(c)) : c)
        end
    end
end

# control characters, line separators, changes of the direction of text, and invalid bytes
is_unprintable(c::Char) =
    !isvalid(c) || iscntrl(c) || '\u2028' <= c <= '\u202e' || '\u2066' <= c <= '\u2069'

"""
    leave_note(kind, texts...)

Append a line to the file of notes: `"taken"` and names of options; or `"left out"`, a tracker file, and what a
recording lacks of it. Return whether there is such a file.
"""
function leave_note(kind, texts...)
    path = get(ENV, NOTES, "")
    isempty(path) && return false
    line = join((printable(string(text)) for text in (kind, texts...)), '\t') * "\n"
    open(file -> write(file, line), path, "a")
    return true
end

printable_lines(text) = join(map(printable, split(text, '\n')), '\n')

function colored(label)
    stderr isa Base.TTY && isempty(get(ENV, "NO_COLOR", "")) || return label
    return string("\e[", label == "Error:" ? 31 : 33, "m", label, "\e[0m")  # red, yellow: ECMA-48, SGR
end

function append_to_log(text)
    path = get(ENV, LOG, "")
    isempty(path) && return nothing
    line = string(Libc.strftime("%Y-%m-%d %H:%M:%S", time()), " ", getpid(), " ", rstrip(text), "\n")
    flags = Base.Filesystem.JL_O_WRONLY | Base.Filesystem.JL_O_CREAT | Base.Filesystem.JL_O_APPEND
    ispath(path) && !isfile(path) && return nothing  # a pipe, which could block
    try
        file = Base.Filesystem.open(path, flags, 0o666)
        try
            write(file, line)  # in one piece, because other processes append too
        finally
            close(file)
        end
    catch error
        # continue without the log if it can no longer be written
        error isa Union{SystemError,Base.IOError} || rethrow()
    end
    return nothing
end
