# Facts about a run: genotype, protocol and the like, from metadata or names of tracker files.

"""What the name of a tracker file tells."""
const FACTS = ("date_time", "genotype", "effector", "tracker", "protocol")

"""
Return what is known about a run: each of `FACTS` that is known, then further metadata, as text.

The metadata decide; only text, numbers and booleans count. Otherwise the names of the tracker files that the labels
depend on give the fact, the first file first.
"""
function run_facts(run::RunLabels)
    found = OrderedDict{String,String}()
    for file in reverse(run.dependencies)
        name = replace(string(get(file, "filename", "")), r"\.[a-z]\w*(\.gz)?$"i => "")
        occursin('@', name) && merge!(found, OrderedDict{String,String}(zip(FACTS, split(name, '@'))))
    end
    for (name, value) in run.metadata
        if value isa Union{AbstractString,Real}
            found[name] = fact_text(value)
        elseif value !== nothing
            delete!(found, name)
        end
    end
    known = [name => found[name] for name in FACTS if haskey(found, name)]
    return merge!(OrderedDict{String,String}(known), found)
end

# as Python's str

fact_text(value) = string(value)
fact_text(value::Bool) = value ? "True" : "False"

function fact_text(value::AbstractFloat)
    (1e-4 <= abs(value) < 1e16 || value == 0) && return float_text(Float64(value))
    return replace(replace(string(value), ".0e" => "e"), r"e(-?)(\d+)$" => python_exponent)
end

python_exponent(text) = string("e", text[2] == '-' ? '-' : '+', lpad(strip(text, ['e', '-']), 2, '0'))
