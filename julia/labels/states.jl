# The distinct states of a run. Each has a number, so that a track is a column of small integers.

"""
    State

One label (a `String`), or several at once (a `Vector{String}`; empty: undefined).
"""
const State = Union{String,Vector{String}}

const NEW_COLOR = "#808080"  # of a new name if the other names have colours

"""Return the labels of a state, always as a vector."""
labels_of(state::State) = state isa String ? [state] : state

# a copy, so that callers cannot change the table
own(state::State) = state isa String ? state : copy(state)

"""
    StateTable(names, secondary_names, colors, states)

Label names and the numbered states made of them.

State 0 is undefined. States 1 to N are the declared names, then the secondary names, each alone, so that
the codes of single labels in a label file are state numbers. Any other state gets the next number when it
first appears. Columns of numbers stay valid when names change. The numbers are the same as in Python:
state n is `states[n + 1]`.

# Fields
- `names`, `secondary_names`: in the order in which label files declare them.
- `colors`: one for each name, or `nothing`. `nothing` if there are no names.
- `states`: indexed by number + 1. By default the undefined state and one for each name.
"""
mutable struct StateTable
    names::Vector{String}
    secondary_names::Vector{String}
    colors::Union{Vector{String},Nothing}
    states::Vector{State}
    numbers::Dict{State,Int32}
    declared::Set{String}
    secondary::Set{String}
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
                      Set{String}([names; secondary_names]), Set{String}(secondary_names))
end

function Base.copy(table::StateTable)
    return StateTable(copy(table.names), copy(table.secondary_names),
                      table.colors === nothing ? nothing : copy(table.colors),
                      copy(table.states), copy(table.numbers), copy(table.declared),
                      copy(table.secondary))
end

"""Add a primary name unless it is already declared as primary or secondary."""
function declare!(table::StateTable, name::String)
    name in table.declared && return table
    push!(table.declared, name)
    push!(table.names, name)
    table.colors === nothing || push!(table.colors, NEW_COLOR)
    return table
end

"""
Replace the declared names, which must be checked, and the colours. States keep their numbers.

`bad-label` for the colours, or `overlapping-names`; nothing is changed then.
"""
function redeclare!(table::StateTable, names::Vector{String}, secondary_names::Vector{String}, colors)
    check_overlap(names, secondary_names)
    colors = colors === nothing ? nothing : check_colors(colors, length(names))
    table.colors = colors === nothing || isempty(colors) ? nothing : colors
    table.names, table.secondary_names = copy(names), copy(secondary_names)
    table.declared = Set{String}([names; secondary_names])
    table.secondary = Set{String}(secondary_names)
    return table
end

"""Return the number of a valid state; declare its new names."""
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

"""Translate the numbers of a table into those of another one; declare new names."""
function adopt!(table::StateTable, other::StateTable, codes)
    codes === nothing && return nothing
    numbers = Dict{Int32,Int32}()  # of the states in use only: there may be many more
    for code in sort!(unique(codes))
        state = other.states[code + 1]
        for name in labels_of(state)
            # secondary names stay secondary
            if !(name in table.declared) && name in other.secondary
                push!(table.declared, name)
                push!(table.secondary, name)
                push!(table.secondary_names, name)
            end
        end
        numbers[code] = number!(table, state)
    end
    return Int32[numbers[code] for code in codes]
end

"""Return the primary labels of a state."""
primary(table::StateTable, code) = filter(!in(table.secondary), labels_of(table.states[code + 1]))

"""
Turn states into numbers; declare new names in order of appearance.

`bad-code` or `bad-label`, with `index`; no name is declared then.
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
