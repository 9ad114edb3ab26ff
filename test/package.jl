# The package as a whole: all ways to load it, and the code in docs/from-julia.md.

@isdefined(Backends) || include("backends.jl")
using .Backends, TaggingBackends, Test

const ENTRY = joinpath(ROOT, "src", "TaggingBackends.jl")
const WHERE = "using TaggingBackends; print(pathof(TaggingBackends))"

# a separate depot with an empty registry, so that Pkg does not look for another registry
function in_fresh_depot(work)
    mktempdir() do depot
        registry = mkpath(joinpath(depot, "registries", "Empty"))
        write(joinpath(registry, "Registry.toml"), """
              name = "Empty"
              uuid = "11111111-2222-3333-4444-555555555555"
              repo = ""

              [packages]
              """)
        withenv("JULIA_DEPOT_PATH" => depot, "JULIA_LOAD_PATH" => nothing, "JULIA_PROJECT" => nothing) do
            work(depot)
        end
    end
end

# without the options of this process, which would need their own precompiled package
julia(arguments...) = readlines(`$(Base.julia_cmd()[1]) --startup-file=no $(collect(arguments))`)[end]

@testset "it loads from the root project, the load path, and Pkg.develop" begin
    in_fresh_depot() do depot
        @test julia("--project=$ROOT", "-e", WHERE) == ENTRY
        separator = Sys.iswindows() ? ";" : ":"
        withenv("JULIA_LOAD_PATH" => ROOT * separator) do
            @test julia("-e", WHERE) == ENTRY
        end
        develop = "using Pkg; Pkg.develop(PackageSpec(path=$(repr(ROOT)))); "
        environment = mkpath(joinpath(depot, "environment"))
        @test julia("--project=$environment", "-e", develop * WHERE) == ENTRY
    end
end

@testset "what is exported is defined and documented, and docstrings refer to what exists" begin
    exported = names(TaggingBackends)
    @test filter(name -> !isdefined(TaggingBackends, name), exported) == []
    @test !any(name -> occursin("json", lowercase(String(name))), exported)
    documented = Base.Docs.meta(TaggingBackends)
    of(name) = Base.Docs.Binding(TaggingBackends, name)
    @test filter(name -> !haskey(documented, of(name)), exported) == []
    text = join(join(doc.text) for docs in values(documented) for doc in values(docs.docs))
    referred = Set(Symbol(found[1]) for found in eachmatch(r"\[`([^`(]+)[^`]*`\]\(@ref\)", text))
    @test length(referred) > 20
    @test filter(name -> !isdefined(TaggingBackends, name), collect(referred)) == []
end

@testset "the page of reference is up to date" begin  # run: julia --project=. docs/julia_reference.jl
    include(joinpath(ROOT, "docs", "julia_reference.jl"))
    @test JuliaReference.page() == read(JuliaReference.PAGE, String)
end

@testset "no method is ambiguous, and no type parameter unbound" begin
    @test isempty(Test.detect_ambiguities(TaggingBackends))
    @test isempty(Test.detect_unbound_args(TaggingBackends))
end

@testset "what Python has is exported: the contract's cases" begin
    for (python, name) in TB.parse_json(read(joinpath(CONTRACT, "names.json"), String))
        @test Symbol(name) in names(TaggingBackends)
    end
end

@testset "the code of docs/from-julia.md" begin
    page = read(joinpath(ROOT, "docs", "from-julia.md"), String)
    code = first(block.match for block in eachmatch(r"(?<=```julia\n)using TaggingBackends\n\nlabels.*?(?=```)"s, page))
    mktempdir() do folder
        cd(folder) do
            namespace = Module()
            for line in split(code, '\n'; keepempty=false)
                Base.include_string(namespace, String(line))
            end
            @test Base.include_string(namespace, "readlabels(\"my.label\") == labels")
            @test Base.include_string(namespace, "countlabels(labels)")["edited"] == 3
        end
    end
end
