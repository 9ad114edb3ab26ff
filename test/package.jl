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

"""Write a recording of two larvae at 10 frames/s in a new folder, and labels of it: truth.label."""
function write_truth(folder, run)
    mkpath(folder)
    spine, labels, times = joinpath(folder, "$run.spine"), Labels(), (1:16) ./ 10
    open(spine, "w") do io
        for larva in (1, 20), time in times
            println(io, "$run $(lpad(larva, 5, '0')) $time ", join((round(time + k / 20; digits=3) for k in 1:22), " "))
        end
    end
    for larva in (1, 20)
        setlabels!(labels, run, larva, times, [fill("run", 8); fill("cast", 3); fill("back", 5)])
    end
    labels[run].dependencies = [dependency(spine)]
    writelabels(joinpath(folder, "truth.label"), labels)
    return spine
end

# 1: Pkg.develop, tested above; 6: Nyx's side, tested in nyx.jl
@testset "the code of docs/from-julia.md" begin
    blocks = julia_blocks("docs/from-julia.md")
    @test length(blocks) == 8
    in_folder() do folder
        cd(folder) do
            mine = Module()
            run(text) = Base.include_string(mine, text)
            for line in split(blocks[2], '\n'; keepempty=false)
                found, says = run(String(line)), split(line, r" +# "; limit=2)
                length(says) == 2 && occursin(r"^(true|\(|\[)", says[2]) &&
                    @test found == run(String(split(says[2], r"; (?=[a-z])")[1]))
            end
            @test run("readlabels(\"my.label\") == labels")
            @test run("countlabels(labels)")["edited"] == 3
            write("broken.label", "{")
            out = mktemp() do path, io
                redirect_stdout(() -> run(blocks[3]), io)
                read(seekstart(io), String)
            end
            @test startswith(out, "error.kind = \"invalid-json\"")
            spine = write_truth("1", RUN)
            write_truth("2", "20240611_103000")
            run(blocks[4])
            @test (run("size(inputs)"), run("unique(classes)")) == ((24, 11, 11, 2), ["run", "cast"])
            run("recording, larva = recordings[1], 20; track = recording[larva]; " *
                "classify(x) = fill(\"stop\", size(x, 1))")
            run(blocks[5])
            @test run("labels[\"$RUN\"][20].states") == fill("stop", 16)
            run(blocks[7])
            backend = BackendExplorer(make_backend(joinpath(folder, "b")); model_instance="m")
            push(backend, spine)
            @test Base.invokelatest(run("predict_model"), backend) === nothing
            run(blocks[8])
            @test run("tag(track)") == ["stop"; fill("run", 15)]
        end
    end
end
