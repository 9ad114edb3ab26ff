# The keyword arguments of a script's function, from its source text. The command includes this file alone,
# to read scripts that it has not run: so it only uses Base.

"""
A keyword argument.

# Fields
- `name::Symbol`
- `kind::String`: the type of its option: `int`, `float`, `bool`, `str`, `list[...]` of these, or `text` if it
  is not converted.
- `type`: the expression of its declared type, or `nothing`.
- `required::Bool`: whether it has no default value.
- `default::String`: the default value as text; "" if there is none, or `nothing`.
"""
struct Keyword
    name::Symbol
    kind::String
    type::Any
    required::Bool
    default::String
end

const INTEGERS = (:Int, :Int8, :Int16, :Int32, :Int64, :Int128, :UInt, :UInt8, :UInt16, :UInt32, :UInt64,
                  :UInt128, :Integer, :Signed, :Unsigned)
const NUMBERS = (:Float16, :Float32, :Float64, :AbstractFloat, :Real, :Number)
const VECTORS = (:Vector, :AbstractVector)

"""Return the kind of option for the expression of a type."""
function kind_of_type(type)
    type in INTEGERS && return "int"
    type in NUMBERS && return "float"
    type === :Bool && return "bool"
    type in (:String, :AbstractString, :Symbol) && return "str"
    if type isa Expr && type.head === :curly
        arguments = type.args[2:end]
        if type.args[1] === :Union
            others = filter(one -> one !== :Nothing, arguments)
            return length(others) == 1 ? kind_of_type(others[1]) : "text"
        elseif type.args[1] in VECTORS && length(arguments) == 1
            return list_of(kind_of_type(arguments[1]))
        end
    end
    return "text"
end

list_of(kind) = kind in ("int", "float", "bool", "str") ? "list[$kind]" : "text"

"""Return the kind of option for a default value, given as an expression."""
function kind_of_value(value, constants)
    value isa Bool && return "bool"
    value isa Integer && return "int"
    value isa AbstractFloat && return "float"
    value isa AbstractString && return "str"
    value isa QuoteNode && value.value isa Symbol && return "str"
    value isa Symbol && haskey(constants, value) && return kind_of_value(constants[value], constants)
    if value isa Expr && value.head === :vect && !isempty(value.args)
        kinds = unique(map(one -> kind_of_value(one, constants), value.args))
        return length(kinds) == 1 ? list_of(kinds[1]) : "text"
    elseif value isa Expr && value.head === :ref && length(value.args) == 1  # String[]
        return list_of(kind_of_type(value.args[1]))
    end
    return "text"
end

function keyword(part, constants)
    required = !(part isa Expr && part.head === :kw)
    name, default = required ? (part, nothing) : part.args
    type = nothing
    if name isa Expr && name.head === :(::)
        name, type = name.args
    end
    if type === nothing && default isa QuoteNode && default.value isa Symbol
        type = :Symbol
    end
    kind = type === nothing ? kind_of_value(default, constants) : kind_of_type(type)
    shown = required || default === :nothing ? "" : shown_default(default)
    return Keyword(name, kind, type, required, shown)
end

function shown_default(value)
    value isa Expr && value.head === :ref && length(value.args) == 1 && return ""  # String[]
    value isa Expr && value.head === :vect && return join(map(shown_default, value.args), ",")
    return string(value isa QuoteNode ? value.value : value)
end

"""A definition of a function: its call, its docstring, and the line of that or of the definition."""
struct Definition
    call::Expr
    doc::String
    line::Int
end

"""
    definitions(path)

Return what Julia source text defines, without running it: functions => the calls that define them, with their
docstrings and lines; constants => the expressions of their values; and the names of functions that are passed
to `main`. Included files belong to it.
"""
function definitions(path)
    found = (functions=Dict{Symbol,Vector{Definition}}(), constants=Dict{Symbol,Any}(), mains=Any[])
    read_definitions!(found, path, String[])
    return found
end

function read_definitions!(found, path, above)
    path in above && return nothing
    text = read(path, String)
    parsed = isdefined(Meta, :parseall) ? Meta.parseall(text; filename=path) :
             Base.parse_input_line(text; filename=path)
    return define!(found, parsed, "", 0, [above; path])
end

function define!(found, @nospecialize(expression), doc, line, files)
    expression isa Expr || return nothing
    head, arguments = expression.head, expression.args
    if head === :macrocall && length(arguments) >= 4 && arguments[3] isa AbstractString
        return define!(found, arguments[4], arguments[3], line, files)  # a docstring
    elseif head === :const && arguments[1] isa Expr && arguments[1].head === :(=)
        name, value = arguments[1].args
        name isa Symbol && (found.constants[name] = value)
    elseif head in (:function, :(=)) && (call = call_of(arguments[1])) !== nothing
        name = call.args[1]
        name isa Symbol && push!(get!(() -> Definition[], found.functions, name), Definition(call, doc, line))
    elseif head === :call && length(arguments) == 2 && arguments[1] === :include
        file = arguments[2] isa AbstractString ? joinpath(dirname(last(files)), arguments[2]) : ""
        isfile(file) && read_definitions!(found, file, files)
        return nothing
    elseif head === :call && (arguments[1] === :main || is_main(arguments[1]))
        push!(found.mains, length(arguments) == 2 ? arguments[2] : nothing)
    end
    for argument in arguments
        if argument isa LineNumberNode
            line = argument.line
        end
        define!(found, argument, "", line, files)
    end
    return nothing
end

is_main(name) = name isa Expr && name.head === :. && name.args[2] == QuoteNode(:main)

"""Return the call in the head of a function's definition, without its return type and `where`."""
function call_of(head)
    while head isa Expr && head.head in (:where, :(::))
        head = head.args[1]
    end
    return head isa Expr && head.head === :call ? head : nothing
end

"""Return the keyword arguments in the definition of a function, and whether it takes all others."""
function keywords_of(call, constants)
    found = Keyword[]
    takes_all = false
    for part in call.args[2:end]
        part isa Expr && part.head === :parameters || continue
        for one in part.args
            if one isa Expr && one.head === :...
                takes_all = true
            else
                push!(found, keyword(one, constants))
            end
        end
    end
    return found, takes_all
end

"""
    print_signatures(paths)

Print the options that the function of each script takes, for the command. The fields of a line are separated
by tabs: `function`, number of the script, name, takes all; `parameter`, name, kind, required, default,
documentation. There is no line for a script whose function cannot be found.
"""
function print_signatures(paths)
    for (i, path) in enumerate(paths)
        found = definitions(path)
        names = unique(found.mains)
        length(names) == 1 && names[1] isa Symbol || continue
        calls = get(found.functions, names[1], nothing)
        calls !== nothing && length(calls) == 1 || continue
        keywords, takes_all = keywords_of(calls[1].call, found.constants)
        println(join(("function", i - 1, names[1], takes_all), '\t'))
        for one in keywords
            fields = (one.name, one.kind, one.required, one.default, documentation(calls[1].doc, one.name))
            println("parameter\t", join(map(field -> replace(string(field), r"\s+" => " "), fields), '\t'))
        end
    end
end

"""Return the first sentence about an argument in a docstring: "- `name`: ...", "- `name::Type`: ..."."""
function documentation(doc, name)
    pattern = Regex("^- `$name(?:::[^`]*)?(?:=[^`]*)?`: *(.*(?:\n  .*)*)", "m")
    found = match(pattern, doc)
    found === nothing && return ""
    return split(replace(found[1], r"\s+" => " "), r"(?<=[.;]) (?=[A-Z])")[1]
end
