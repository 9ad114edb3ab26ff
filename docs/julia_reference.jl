# Write docs/reference/julia.md from the docstrings of the Julia package.
#
# julia --project=. docs/julia_reference.jl

module JuliaReference

using TaggingBackends

const ROOT = dirname(@__DIR__)
const PAGE = joinpath(ROOT, "docs", "reference", "julia.md")

const BEGIN = """
# Julia

(`julia --project=. docs/julia_reference.jl` generates this page from the docstrings of the package. In Julia,
`?readlabels` shows the same text.)

[Julia, Nyx, and Julia from Python](../from-julia.md) shows how to use these names, and lists the name of each in
Python. Arrays have the shapes and units of Python's, but indices begin with 1.
"""

"""Return the page."""
function page()
    groups = exported()
    references = r"\[`(\w+!?)`\]\(@ref(?: TaggingBackends\.\w+)?\)"
    shown = Set(name for (_, names) in groups for name in names)
    others = Set(Symbol(found[1]) for name in shown for found in eachmatch(references, docstrings(name)))
    push!(groups, "Types that are not exported" => sort!(collect(setdiff(others, shown))))
    sections = [string("\n## ", title, "\n", join(entry.(names))) for (title, names) in groups]
    text = string(BEGIN, join(sections))
    return replace(text, references => link)
end

"""Return the exported names, in the groups of the comments above the exports."""
function exported()
    groups = Pair{String,Vector{Symbol}}[]
    for line in eachline(joinpath(ROOT, "src", "TaggingBackends.jl"))
        if startswith(line, "# ")
            title = line[3:end]
            push!(groups, uppercasefirst(title) => Symbol[])
        elseif startswith(line, "export ")
            append!(last(groups).second, Symbol.(split(line[8:end], ", ")))
        end
    end
    return filter!(group -> !isempty(group.second), groups)
end

"""Return the docstrings of a name, one after another."""
function docstrings(name)
    found = Base.Docs.meta(TaggingBackends)[Base.Docs.Binding(TaggingBackends, name)]
    texts = (rstrip(join(found.docs[signature].text)) for signature in found.order)
    return join(replace.(texts, r"^(    .*\n)+" => calls), "\n\n")
end

calls(block) = string("```julia\n", replace(block, r"^    "m => ""), "```\n")

"""Return the section about a name, with the headings of its docstring in bold."""
entry(name) = string("\n### `", name, "`\n\n", replace(docstrings(name), r"^#+ (\w+)$"m => s"**\1**\n"), "\n")

function link(reference)
    name = match(r"`(.*)`", reference)[1]
    return string("[`", name, "`](#", lowercase(replace(name, "!" => "")), ")")
end

end

if abspath(PROGRAM_FILE) == @__FILE__
    write(JuliaReference.PAGE, JuliaReference.page())
end
