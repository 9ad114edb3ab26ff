# Options: from the command line to keyword arguments of a script's function, and back.

"""Option => its text, or `true` if it has no value; a vector of these for a repeated option."""
const Options = OrderedDict{Symbol,Union{String,Bool,Vector{Union{String,Bool}}}}

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

Split `--epochs 20 --labels=run,cast --verbose` into options.

An option takes the next argument as its value unless that begins with a dash. Write such a value with `=`.
Dashes in names become underscores. The options are in the order of their last values.

# Errors
`OptionError`: an argument that is neither an option nor an option's value.

# Example
```julia
parse_options(["--epochs", "20", "--verbose"])  # {:epochs: "20", :verbose: true}
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
        value = if length(parts) == 2
            String(parts[2])
        elseif !isempty(rest) && !startswith(rest[1], "-")
            popfirst!(rest)
        else
            true
        end
        before = pop!(options, Symbol(keyword), nothing)
        options[Symbol(keyword)] = before === nothing ? value : Union{String,Bool}[as_list(before); value]
    end
    return options
end

"""
    format_options(options)

Turn keyword arguments into command-line arguments, the reverse of [`parse_options`](@ref).

`true` becomes an option without a value; `false` and `nothing` are left out; a vector becomes a repeated option;
other values become strings. To set a flag to `false`, write `no_<flag>=true`.

# Example
```julia
format_options((epochs=20, verbose=true))  # ["--epochs=20", "--verbose"]
```
"""
function format_options(options)
    return String[dashed(name) * (value === true ? "" : "=$value") for (name, values) in pairs(options)
                  for value in several_values(values) if value !== false && value !== nothing]
end

several_values(value) = (value,)

# The value of a single option would be split at commas. An empty value counts as none.
several_values(values::Union{AbstractVector,Tuple,AbstractSet}) =
    length(values) < 2 ? ["", values...] : values

"""Return all values of an option."""
as_list(given) = given isa Vector ? given : [given]

"""
    option_value(kind, option, given)

Convert the text of an option to a value; `kind` is that of a [`Keyword`](@ref). Of a repeated option the last
counts, except for lists. Their values are repeated, or separated by commas; empty ones are passed over.

# Errors
`OptionError`
"""
function option_value(kind, option, given)
    values = as_list(given)
    kind == "text" && return last(values)
    startswith(kind, "list[") || return one_value(kind, kind, option, last(values))
    inner = chop(kind; head=5, tail=1)
    if length(values) == 1 && values[1] isa String
        values = String.(strip.(split(values[1], ',')))
    end
    expected = "$inner, several with commas between"
    return OPTION_TYPES[inner][one_value(inner, expected, option, value) for value in values if value != ""]
end

const OPTION_TYPES = Dict("int" => Int, "float" => Float64, "bool" => Bool, "str" => String)
const OPTION_TEXTS = Dict("int" => r"\A[+-]?[0-9]+\z", "bool" => r"\A(?:true|false)\z"i, "str" => r"",
    "float" => r"\A[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|nan)\z"i)

function one_value(kind, expected, option, given)
    value = if given === true
        kind == "bool" ? true : nothing
    elseif !occursin(OPTION_TEXTS[kind], given)
        nothing
    else
        kind == "str" ? given : tryparse(OPTION_TYPES[kind], lowercase(given))
    end
    value === nothing && throw(wrong_value(expected, option, given))
    return value
end

function wrong_value(expected, option, given)
    expected = expected == "bool" ? "true or false" : expected
    return OptionError("$option: expected $expected, found $(given === true ? "no value" : shown(given))")
end

"""Return a keyword as an option on the command line."""
dashed(name) = "--" * replace(String(name), "_" => "-")
