# Options: from the command line to keyword arguments of a script's function, and back.

"""Keyword arguments: a string, or `true` for an option without a value."""
const Options = Dict{Symbol,Union{String,Bool}}

"""
    OptionError(problem)

An invalid option on a command line. A script's function may also throw it for a value that it cannot use:
`main` prints it in one line and exits with code 2.
"""
struct OptionError <: Exception
    problem::String
end

Base.showerror(io::IO, error::OptionError) = print(io, error.problem)

"""
    parse_options(arguments)

Turn `--epochs 20 --labels=run,cast --verbose` into keyword arguments.

An option takes the next argument as its value unless that begins with a dash. Write such a value with `=`.
Dashes in names become underscores. Of a repeated option the last counts.

# Errors
`OptionError`: an argument that is neither an option nor an option's value.

# Example
```julia
parse_options(["--epochs", "20", "--verbose"])  # Dict(:epochs => "20", :verbose => true)
```
"""
function parse_options(arguments)
    options = Options()
    rest = String[argument for argument in arguments]
    while !isempty(rest)
        argument = popfirst!(rest)
        parts = split(startswith(argument, "--") ? chop(argument; head=2, tail=0) : "", "="; limit=2)
        keyword = replace(parts[1], "-" => "_")
        if !occursin(r"\A[\p{L}_][\p{L}\p{M}\p{N}_]*\z", keyword)
            throw(OptionError("expected an option such as --epochs 20, found $(shown(argument)); options " *
                              "begin with two dashes, and a value that begins with a dash is given with ="))
        end
        options[Symbol(keyword)] = if length(parts) == 2
            String(parts[2])
        elseif !isempty(rest) && !startswith(rest[1], "-")
            popfirst!(rest)
        else
            true
        end
    end
    return options
end

"""
    format_options(options)

Turn keyword arguments into command-line arguments, the reverse of [`parse_options`](@ref).

`true` becomes an option without a value; `false` and `nothing` are left out; other values become strings.

# Example
```julia
format_options((epochs=20, verbose=true))  # ["--epochs=20", "--verbose"]
```
"""
function format_options(options)
    return [dashed(name) * (value === true ? "" : "=$value")
            for (name, value) in pairs(options) if value !== false && value !== nothing]
end

"""Return a keyword as an option on the command line."""
dashed(name) = "--" * replace(String(name), "_" => "-")
