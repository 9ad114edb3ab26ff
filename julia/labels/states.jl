# The distinct states of a run, numbered, so that a track is a column of small integers.

"""
    State

One label (a `String`), several at once, or none (a `Vector{String}`; empty: looked at but undefined).
"""
const State = Union{String,Vector{String}}

const NEW_COLOR = "#808080"  # for a name that joins names which have colours

"""Return the labels of a state, always as a vector."""
labels_of(state::State) = state isa String ? [state] : state

# so that what is given away can be changed without harm to the table
own(state::State) = state isa String ? state : copy(state)

"""
    StateTable(names, secondary_names, colors, states)

Label names, and the distinct states made of them, each with a number.

State 0 is the undefined one; states 1 to N are the declared names, then the secondary names, taken one
by one, so that the codes of a label file's single labels are state numbers; any other state gets the
next number when it first appears. Columns of numbers stay valid whatever happens to the names. The
numbers are those of the Python half: state n is `states[n + 1]`.

# Fields
- `names`, `secondary_names`: in the order in which label files declare them.
- `colors`: as many as `names`, or nothing; nothing if there are no names.
- `states`: by number + 1; if they are not given, the undefined one and those of the names.
"""
mutable struct StateTable
    names::Vector{String}
    secondary_names::Vector{String}
    colors::Union{Vector{String},Nothing}
    states::Vector{State}
    numbers::Dict{State,Int32}
    declared::Set{String}
end

function StateTable(names::Vector{String}=String[], secondary_names::Vector{String}=String[],
                    colors::Union{Vector{String},Nothing}=nothing,
                    states::Vector{State}=State[[String[]]; names; secondary_names])
    colors = colors === nothing || isempty(colors) ? nothing : copy(colors)
    numbers = Dict{State,Int32}()
    for i in eachindex(states)
        numbers[states[i]] = i - 1
    end
    return StateTable(copy(names), copy(secondary_names), colors, states, numbers,
                      Set{String}([names; secondary_names]))
end

function Base.copy(table::StateTable)
    return StateTable(copy(table.names), copy(table.secondary_names),
                      table.colors === nothing ? nothing : copy(table.colors),
                      copy(table.states), copy(table.numbers), copy(table.declared))
end

"""Add a primary name unless it is a name, primary or secondary, already."""
function declare!(table::StateTable, name::String)
    name in table.declared && return table
    push!(table.declared, name)
    push!(table.names, name)
    table.colors === nothing || push!(table.colors, NEW_COLOR)
    return table
end

"""
Replace the declared names, checked before, and colours; the states keep their numbers.

`bad-label`, for the colours, or `overlapping-names`: nothing is changed then.
"""
function redeclare!(table::StateTable, names::Vector{String}, secondary_names::Vector{String}, colors)
    check_overlap(names, secondary_names)
    colors = colors === nothing ? nothing : check_colors(colors, length(names))
    table.colors = colors === nothing || isempty(colors) ? nothing : colors
    table.names, table.secondary_names = copy(names), copy(secondary_names)
    table.declared = Set{String}([names; secondary_names])
    return table
end

"""Return the number of a valid state, declaring the names that are new in it."""
function number!(table::StateTable, state::State)
    if state isa Vector && length(state) == 1
        state = state[1]
    end
    for name in labels_of(state)
        declare!(table, name)
    end
    return get!(table.numbers, state) do
        push!(table.states, own(state))
        Int32(length(table.states) - 1)
    end
end

"""
Turn states into numbers, declaring new names in order of appearance.

`bad-code` or `bad-label`, with `index`: no name is declared then.
"""
function encode!(table::StateTable, states::AbstractVector)
    seen = Dict{eltype(states),Int32}()
    distinct = State[]
    codes = Int32[]
    sizehint!(codes, length(states))
    for (i, state) in enumerate(states)
        code = get(seen, state, Int32(0))
        if code == 0
            push!(distinct, located(() -> checked_state(state); index=i))
            code = seen[state] = Int32(length(distinct))
        end
        push!(codes, code)
    end
    numbers = Int32[number!(table, state) for state in distinct]
    return map!(code -> numbers[code], codes, codes)
end

"""Return a table: number of each state + 1 -> what `f` gives for it."""
translation(f, table::StateTable) = Int32[f(state) for state in table.states]
