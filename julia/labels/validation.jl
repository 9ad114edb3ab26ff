# What labels must be, whether they come from a file or from a program.

const MAX_LARVA_ID = 65535  # Nyx holds larva identifiers in 16 bits

# The entries of a run and of a track in a label file; attributes must not have these names.
const RUN_KEYS = ("metadata", "units", "labels", "secondarylabels", "dependencies", "data")
const TRACK_KEYS = ("id", "t", "labels")
const COLUMN_KEYS = ("confidence", "second")  # also reserved; integers of a track's frames

"""Check a run identifier; `not-a-label-file` if it is empty."""
function check_run(id::AbstractString)
    isempty(id) || return nothing
    problem = "expected a run identifier that is a string and not empty, found \"\""
    throw(LabelFileError("not-a-label-file", problem))
end

"""Return a larva identifier as an Int; `bad-larva-id` unless it is from 0 to 65535."""
function check_larva(@nospecialize(larva); run=nothing)
    if !(larva isa Integer && !(larva isa Bool) && 0 <= larva <= MAX_LARVA_ID)
        problem = "expected a larva identifier from 0 to $MAX_LARVA_ID, found $(shown(larva))"
        throw(LabelFileError("bad-larva-id", problem; run=run))
    end
    return Int(larva)
end

"""Return the given times; `bad-time` unless they are finite and strictly increasing."""
function check_times(times::Vector{Float64})
    previous = -Inf
    for (i, time) in enumerate(times)
        isfinite(time) && time > previous || throw(bad_time(time, previous, i))
        previous = time
    end
    return times
end

function bad_time(time, previous, i)
    expected = isfinite(time) ? "a time after $previous" : "a finite time"
    return LabelFileError("bad-time", "expected $expected, found $time"; index=i)
end

"""Return n numbers from 0 to 1, or NaN, as a new vector; `bad-confidence` otherwise."""
function check_confidence(values, n)
    bad(problem, i=nothing) = throw(LabelFileError("bad-confidence", problem; index=i))
    if values isa AbstractString || !applicable(iterate, values)
        bad("expected numbers from 0 to 1, found $(shown(values))")
    end
    column = values isa Vector{Float64} ? copy(values) : collect(Any, values)
    length(column) == n || bad("expected $n numbers, as many as times, found $(length(column))")
    i = findfirst(value -> !is_fraction(value), column)
    i === nothing || bad("expected a number from 0 to 1, or NaN, found $(shown(column[i]))", i)
    return Vector{Float64}(column)
end

is_fraction(value) = value isa Real && (0 <= value <= 1 || isnan(value))

check_confidence(values::Nothing, n) = nothing

"""Return n second choices, each a label or none; `bad-confidence` otherwise."""
function check_second(second, n)
    bad(problem, i=nothing) = throw(LabelFileError("bad-confidence", problem; index=i))
    second isa AbstractString &&
        bad("expected second choices, one for each frame, found one string, $(shown(second))")
    choices = collect(Any, second)
    length(choices) == n ||
        bad("expected $n second choices, as many as times, found $(length(choices))")
    for (i, choice) in enumerate(choices)
        is_choice(choice) || bad("expected a label, or an empty vector, found $(shown(choice))", i)
    end
    return choices
end

check_second(second::Nothing, n) = nothing

is_choice(choice) = choice isa AbstractString ? !isempty(choice) :
    choice isa Union{AbstractVector,Tuple} && length(choice) <= 1 && all(is_choice, choice)

"""Return units with `t`; `bad-units` unless `t` is "s" or missing."""
function check_units(units)
    if !(units isa AbstractDict)
        throw(LabelFileError("bad-units", "expected an object as units, found $(shown(units))"))
    end
    if get(units, "t", "s") != "s"
        problem = "expected \"s\" as units.t, found $(shown(units["t"]))"
        throw(LabelFileError("bad-units", problem))
    end
    haskey(units, "t") && return units
    return OrderedDict{String,Any}(Iterators.flatten((("t" => "s",), units)))
end

"""Return a state in its stored form; `bad-code` or `bad-label` if it is invalid."""
function checked_state(state)
    if state isa AbstractString
        isempty(state) || return String(state)
        throw(LabelFileError("bad-label", "expected a label that is not empty, found \"\""))
    end
    listed = state isa Union{AbstractVector,Tuple}
    if !(listed && all(name -> name isa AbstractString, state))
        problem = "expected a label or a vector of labels, found $(shown(state))"
        throw(LabelFileError("bad-code", problem))
    end
    names = String[name for name in state]
    if any(isempty, names)
        problem = "expected a label that is not empty, found $(shown(state))"
        throw(LabelFileError("bad-label", problem))
    elseif !allunique(names)
        problem = "expected each label once in a state, found $(shown(state))"
        throw(LabelFileError("bad-code", problem))
    end
    return length(names) == 1 ? names[1] : names
end

"""Return names as a vector; `bad-label` if one is not a string, is empty or is repeated."""
function check_names(names)
    if names isa AbstractString
        throw(LabelFileError("bad-label", "expected a list of names, found $(shown(names))"))
    end
    checked, seen = String[], Set{String}()
    for (i, name) in enumerate(names)
        if !(name isa AbstractString) || isempty(name)
            problem = "expected a name that is a string and not empty, found $(shown(name))"
            throw(LabelFileError("bad-label", problem; index=i))
        elseif name in seen
            problem = "expected each name once, found $(shown(name)) again"
            throw(LabelFileError("bad-label", problem; index=i))
        end
        push!(checked, name)
        push!(seen, name)
    end
    return checked
end

"""Return colours as a vector; `bad-label` unless there are n, all strings."""
function check_colors(colors, n)
    checked = String[]
    for (i, color) in enumerate(colors isa AbstractString ? [colors] : colors)
        if !(color isa AbstractString)
            problem = "expected a colour that is a string, found $(shown(color))"
            throw(LabelFileError("bad-label", problem; index=i))
        end
        push!(checked, color)
    end
    if length(checked) != n
        problem = "expected $n colours, one for each name, found $(length(checked))"
        throw(LabelFileError("bad-label", problem))
    end
    return checked
end

"""Throw `overlapping-names` if a name is both primary and secondary."""
function check_overlap(names, secondary_names)
    primary = Set{String}(names)
    for name in secondary_names
        if name in primary
            problem = "expected a name to be primary or secondary, found $(shown(name)) as both"
            throw(LabelFileError("overlapping-names", problem))
        end
    end
    return nothing
end
