@isdefined(Backends) || include(joinpath(dirname(@__DIR__), "backends.jl"))
using .Backends, TaggingBackends, Test

const CASES = name -> TB.parse_json(read(joinpath(CONTRACT, name), String))

@testset "identifiers: the contract's cases" begin
    cases = CASES("identifiers.json")
    for good in cases["good"]
        @test TB.check_identifier("sandbox", good) == good
    end
    for bad in cases["bad"]
        @test kind_of(() -> TB.check_identifier("sandbox", bad), "at most 128") == "bad-identifier"
    end
    @test occursin(r"^\d{8}_\d{6}$", TB.new_instance())
    now = TB.new_instance()
    taken = [now, "$now-2"]
    @test TB.new_instance(taken) in ("$now-3", TB.new_instance())
end

@testset "similar names are suggested: the contract's cases" begin
    for case in CASES("similar.json")
        @test TB.did_you_mean(case["name"], String.(case["names"])) == case["message"]
    end
end

@testset "options: the contract's cases" begin
    for case in CASES("options.json")
        arguments = String.(case["arguments"])
        if case["options"] === nothing
            @test_throws TB.OptionError TB.parse_options(arguments)
        else
            given(value) = value isa Vector ? Union{String,Bool}[value...] : value
            options = TB.Options(Symbol(name) => given(value) for (name, value) in case["options"])
            @test TB.parse_options(arguments) == options
            @test collect(keys(TB.parse_options(arguments))) == collect(keys(options))
            @test TB.parse_options(TB.format_options(options)) == options
        end
    end
    @test TB.format_options((a=1, b=nothing, c_d=true, e=false)) == ["--a=1", "--c-d"]
    @test TB.format_options((a=["x", "y"], b=["x,y"], c=Int[], d=[:x])) ==
          ["--a=x", "--a=y", "--b=", "--b=x,y", "--c=", "--d=", "--d=x"]
end

# functions of an option x of each type in the contract's cases
x_int(backend; x::Int=0) = x
x_float(backend; x::Float64=0.0) = x
x_bool(backend; x::Bool=true) = x
x_str(backend; x::String="a") = x
x_text(backend; x=nothing) = x
maybe_int(backend; x::Union{Nothing,Int}=nothing) = x
maybe_str(backend; x::Union{Nothing,String}=nothing) = x
maybe_bool(backend; x::Union{Nothing,Bool}=nothing) = x
strings(backend; x::Vector{String}=String[]) = x
integers(backend; x=[1, 2]) = x
maybe_floats(backend; x::Union{Nothing,Vector{Float64}}=nothing) = x

const X_FUNCTIONS = Dict("int" => x_int, "float" => x_float, "bool" => x_bool, "str" => x_str, "text" => x_text,
                         "int | None" => maybe_int, "str | None" => maybe_str, "bool | None" => maybe_bool,
                         "list[str]" => strings, "list[int]" => integers, "list[float] | None" => maybe_floats)

@testset "values of options: the contract's cases" begin
    for case in CASES("optionvalues.json")
        work = X_FUNCTIONS[case["type"]]
        options = TB.parse_options(String.(case["arguments"]))
        if haskey(case, "refused")
            error = try TB.taken_options(work, options) catch error error end
            @test error isa TB.OptionError && occursin(r"^--(no-)?x: expected .*, found ", error.problem)
        else
            value = TB.taken_options(work, options)[:x]
            @test value == case["value"] && (value isa Vector || typeof(value) == typeof(case["value"]))
        end
    end
end

const RATE = 0.1
"""
    typed_model(backend; ...)

# Arguments
- `epochs`: number of passes
  over the data. More take longer.
- `rate=0.1`: a step.
"""
function typed_model(backend, model="x"; epochs::Int32=Int32(20), rate=RATE, mode=:fast, small::UInt8=1, size=[0.5],
                    ratio=1/3, name::Symbol, others...)
    return (epochs, rate, mode, small, size, ratio, name, others)
end

@testset "types of options" begin
    taken(arguments...) = TB.taken_options(typed_model, TB.parse_options(collect(arguments)))
    values = taken("--epochs=5", "--rate=1", "--mode=slow", "--small=2", "--size=1,2", "--ratio=1", "--name=x", "--y=1")
    @test collect(pairs(values)) == [:epochs => Int32(5), :rate => 1.0, :mode => :slow, :small => UInt8(2),
                                     :size => [1.0, 2.0], :ratio => "1", :name => :x, :y => "1"]
    @test typed_model(nothing; values...)[1:2] === (Int32(5), 1.0)
    for (argument, message) in ("--small=300" => "--small: expected int, found \"300\"",
                                "--epochs=5000000000" => "--epochs: expected int, found \"5000000000\"",
                                "--size=1,b" => "--size: expected float, several with commas between, found \"b\"")
        error = try taken(argument) catch error error end
        @test error isa TB.OptionError && error.problem == message
    end
    found = TB.definitions(@__FILE__)
    definition = only(found.functions[:typed_model])
    keywords, takes_all = TB.keywords_of(definition.call, found.constants)
    @test takes_all
    @test [(one.name, one.kind, one.required) for one in keywords] ==
          [(:epochs, "int", false), (:rate, "float", false), (:mode, "str", false), (:small, "int", false),
           (:size, "list[float]", false), (:ratio, "text", false), (:name, "str", true)]
    @test [one.default for one in keywords[1:5]] == ["Int32(20)", "RATE", "fast", "1", "0.5"]
    @test TB.documentation(definition.doc, :epochs) == "number of passes over the data."
    @test TB.documentation(definition.doc, :rate) == "a step."
    @test TB.documentation(definition.doc, :mode) == ""
end

@testset "pyproject.toml: the contract's cases" begin
    in_folder() do folder
        path = joinpath(folder, "pyproject.toml")
        @testset "$(case["name"])" for case in CASES("pyproject.json")
            write(path, case["text"])
            if case["metadata"] === nothing
                @test kind_of(() -> TB.project_metadata(folder), "$path: expected ") == "not-a-backend"
            else
                @test TB.project_metadata(folder) == merge(Dict("name" => basename(folder)), case["metadata"])
            end
        end
    end
end

@testset "name and version from pyproject.toml" begin
    in_folder() do folder
        path = joinpath(folder, "pyproject.toml")
        metadata(text) = (write(path, text); TB.project_metadata(folder))
        metadata("[project]\nname = \"My-Tagger\"\n")
        @test TB.package_name(folder) == "my_tagger"
        for (bad, message) in ("tool = []\n" => "expected a table as tool, found another value",
                               "project = \"x\"\n" => "expected a table as project, found \"x\"",
                               "[tool]\npoetry = 1\n" => "expected a table as poetry, found another value",
                               "[project]\n\nname = \n" => "expected TOML, found: '\\n' in line 3",
                               "a = [1" => "expected TOML, found: the file's end in line 1",
                               "a = yes\n" => "expected TOML, found: \"yes\" in line 1",
                               "a = \"\xff\"\n" => "expected TOML, found: bytes that are not UTF-8 in line 1",
                               "[a]\nb.c = 1\nb.c = 2\n" => "expected TOML, found: a.b.c defined twice in line 3",
                               "[a]\n[a]\n" => "expected TOML, found: a defined twice in line 2")
            @test kind_of(() -> metadata(bad), "$path: $message") == "not-a-backend"
        end
        init = joinpath(folder, "src", "x")
        mkpath(init)
        write(joinpath(init, "__init__.py"), "\"\"\"X.\"\"\"\n\n__version__ = \"3.4\"\n")
        @test metadata("[project]\nname = \"X\"\n")["version"] == "3.4"
        write(joinpath(init, "__init__.py"), b"# \xff\n__version__: str = version('x')\n__version__ = '2'\n")
        @test !haskey(metadata("[project]\nname = \"X\"\n"), "version")
    end
end

@testset "the nearest backend is found" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "My-Tagger"))
        inner = mkpath(joinpath(project, "some", "where"))
        backend = cd(() -> BackendExplorer(), inner)
        @test (backend.project_dir, backend.package_name) == (project, "my_tagger")
        @test (backend.model_instance, backend.sandbox) == (nothing, nothing)
        @test kind_of(() -> cd(() -> BackendExplorer(), folder), "a backend here or above") == "not-a-backend"
        @test cd(() -> BackendExplorer("My-Tagger").project_dir, folder) == project
        @test repr(BackendExplorer(project; model_instance="m", sandbox="s")) ==
              "BackendExplorer($project: m, s)"
    end
end

@testset "which folders are backends" begin
    for having in ((), ("pyproject.toml",), ("models/m/x", "scripts/x.py"))
        in_folder() do folder
            touch_files(folder, having...)
            @test kind_of(() -> BackendExplorer(folder), "expected a backend: pyproj") == "not-a-backend"
        end
    end
    for having in ("models/m/x", "scripts/predict_model.py", "scripts/predict_model.jl",
                   "src/x_y/models/predict_model.py")
        in_folder() do folder
            touch_files(folder, having)
            write(joinpath(folder, "pyproject.toml"), "[tool.poetry]\nname = \"X-y\"\n")
            @test BackendExplorer(folder).package_name == "x_y"
        end
    end
    @test kind_of(() -> BackendExplorer("/there/is/no/such"), "/there/is/no/such") == "not-a-backend"
end

@testset "invalid identifiers change nothing" begin
    in_folder() do folder
        project = make_backend(folder)
        for bad in ("", "..", "../x", "a/b")
            @test kind_of(() -> BackendExplorer(project; model_instance=bad)) == "bad-identifier"
            @test kind_of(() -> BackendExplorer(project; model_instance="m", sandbox=bad)) ==
                  "bad-identifier"
            @test kind_of(() -> model_dir(BackendExplorer(project), bad)) == "bad-identifier"
            @test kind_of(() -> pretrained_model_dir(BackendExplorer(project), bad)) == "bad-identifier"
        end
        @test !ispath(joinpath(project, "data"))
    end
end

@testset "data folders are made on request" begin
    in_folder() do folder
        project = make_backend(folder)
        backend = BackendExplorer(project; model_instance="m")
        @test !ispath(joinpath(project, "data"))
        @test raw_data_dir(backend) == joinpath(project, "data", "raw", "m")
        @test interim_data_dir(backend) == joinpath(project, "data", "interim", "m")
        @test processed_data_dir(backend) == joinpath(project, "data", "processed", "m")
        @test all(isdir, (raw_data_dir(backend), interim_data_dir(backend), processed_data_dir(backend)))
        sandbox = raw_data_dir(BackendExplorer(project; model_instance="m", sandbox="s"))
        @test sandbox == joinpath(project, "data", "raw", "m", "s")
        @test isfile(joinpath(sandbox, ".sandbox"))
    end
end

@testset "members that need an instance report it" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(folder; model=nothing))
        for member in (raw_data_dir, list_input_files, model_dir, reset_data, reset_model)
            @test kind_of(() -> member(backend), "needs a model instance") == "no-model-instance"
        end
    end
end

@testset "trees: the contract's cases ($(case["name"]))" for case in CASES("trees.json")
    in_folder() do folder
        touch_files(folder, "pyproject.toml", case["files"]...)
        for (name, text) in get(case, "texts", Dict())
            write(joinpath(folder, name), text)
        end
        mkpath(joinpath(folder, "models", "m"))
        backend = BackendExplorer(folder; model_instance=case["instance"], sandbox=case["sandbox"])
        raw = raw_data_dir(backend)
        @test relpath.(list_input_files(backend), raw) == case["listed"]
        grouped = list_input_files(backend; group_by_directories=true)
        @test [[name, relpath.(files, raw)] for (name, files) in grouped] == case["grouped"]
        @test list_models(backend) == get(case, "models", ["m"])
        @test list_pretrained_models(backend) == get(case, "pretrained", [])
        if haskey(case, "recordings")
            found = findrecordings(list_input_files(backend))
            @test [[relpath(main, raw), relpath.(files, raw)] for (main, files) in found] == case["recordings"]
        end
        for (file, output) in get(case, "outputs", [])
            @test output_path(backend, joinpath(raw, file)) ==
                  joinpath(processed_data_dir(backend), output)
        end
    end
end

@testset "linked folders are listed" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(joinpath(folder, "b")); model_instance="m")
        top = raw_data_dir(backend)
        touch_files(joinpath(folder, "elsewhere"), "x")
        symlink(joinpath(folder, "elsewhere"), joinpath(top, "link"))
        symlink(top, joinpath(folder, "elsewhere", "loop"))
        symlink(joinpath(folder, "elsewhere"), joinpath(top, "again"))
        @test list_input_files(backend) == [joinpath(top, "again", "x"), joinpath(top, "link", "x")]
    end
end

@testset "interim and processed files" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(folder); model_instance="m")
        touch_files(interim_data_dir(backend), "a/x")
        touch_files(processed_data_dir(backend), "y")
        @test list_interim_files(backend; group_by_directories=true) ==
              Dict("a" => [joinpath(interim_data_dir(backend), "a", "x")])
        @test list_processed_files(backend) == [joinpath(processed_data_dir(backend), "y")]
    end
end

@testset "models" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(folder; model="20240611_101500"))
        touch_files(backend.project_dir, "pretrained_models/p/x")
        @test model_dir(backend, "b") == joinpath(backend.project_dir, "models", "b")
        @test pretrained_model_dir(backend, "p") == joinpath(backend.project_dir, "pretrained_models", "p")
        @test kind_of(() -> pretrained_model_dir(backend, "q"), "there are p") == "unknown-model"
        @test kind_of(() -> TB.check_model(backend, "2024061_101500"), "mean 20240611_101500?") ==
              "unknown-model"
        @test TB.check_model(backend, "20240611_101500") === nothing
    end
end

@testset "the digest of a model" begin
    in_folder() do folder
        @test TB.model_digest(mkpath(joinpath(folder, "empty"))) == bytes2hex(TB.SHA.sha1(""))
        touch_files(folder, "m/layers/1.bin", "m/layers.txt", "m/größe", "m/.DS_Store", "m/training.json",
                    "m/layers/training.json")
        write(joinpath(folder, "m", "layers.txt"), "1")
        # as `sha1sum layers.txt layers/1.bin layers/training.json größe | sha1sum` prints
        @test TB.model_digest(joinpath(folder, "m")) == "b58e7bd31b871008ecce2747e4e782ae7e0510e0"
    end
end

@testset "input that is left out is not listed" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(folder); model_instance="m")
        spine = write_recording(raw_data_dir(backend))
        write(joinpath(folder, "left-out"), "$spine\0")
        withenv(TB.NOT_LISTED => joinpath(folder, "left-out")) do
            @test basename.(list_input_files(backend)) == ["$STEM.outline"]
        end
        @test length(list_input_files(backend)) == 2
    end
end

@testset "a model's folder is made only while training" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(folder; model=nothing); model_instance="m")
        @test model_dir(backend) == joinpath(backend.project_dir, "models", "m")
        @test !ispath(model_dir(backend))
        withenv(TB.TRAINING => "m") do
            @test model_dir(backend) == joinpath(backend.project_dir, "models", ".m.partial")
            @test isdir(model_dir(backend))
            @test model_dir(backend, "other") == joinpath(backend.project_dir, "models", "other")
            @test list_models(backend) == []
        end
    end
end

@testset "output paths" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(folder); model_instance="m")
        raw, processed = raw_data_dir(backend), processed_data_dir(backend)
        spine = write_recording(joinpath(raw, "a", "b"))
        label = write_labels(spine)
        for file in (spine, TB.with_suffix(spine, ".outline"), label, relpath(spine, raw))
            @test output_path(backend, file) == joinpath(processed, "a", "b", "predicted.label")
        end
        @test isdir(joinpath(processed, "a", "b"))
        interim = joinpath(interim_data_dir(backend), "a", "b")
        for file in (spine, TB.with_suffix(spine, ".outline"), label, relpath(spine, raw), "$spine.gz")
            @test interim_path(backend, file, ".csv") == joinpath(interim, "$STEM.csv")
        end
        @test isdir(interim)
        @test kind_of(() -> interim_path(backend, "../x", ".csv"), "an input file below") == "no-input"
        other = write_recording(joinpath(raw, "a", "b"), OTHER)
        @test basename(output_path(backend, spine)) == "$STEM.predicted.label"
        @test basename(output_path(backend, label)) == "$STEM.predicted.label"
        @test basename(output_path(backend, other)) == "$OTHER.predicted.label"
        touch_files(raw, "a.avi", "notes.txt")  # a format that only the backend knows
        @test basename(output_path(backend, "a.avi")) == "predicted.label"
        touch_files(raw, "b.avi")
        @test basename(output_path(backend, "a.avi")) == "a.predicted.label"
        @test basename(output_path(backend, "x.json")) == "predicted.label"
        for elsewhere in (joinpath(folder, "x.spine"), "../x.spine", "../m2/x.spine", ".")
            @test kind_of(() -> output_path(backend, elsewhere), "an input file below") == "no-input"
        end
    end
end

@testset "files that cannot be read are no recordings" begin
    in_folder() do folder
        write(joinpath(folder, "r.spine"), "$RUN 1 0.5 1 2\n")
        bad = joinpath(folder, "gone.csv")
        @test_throws Union{SystemError,Base.IOError} findrecordings([bad])
        unreadable = Dict()
        @test collect(keys(findrecordings([bad, joinpath(folder, "r.spine")]; unreadable=unreadable))) ==
              [joinpath(folder, "r.spine")]
        @test collect(keys(unreadable)) == [bad]
    end
end

@testset "reset removes this instance's data only" begin
    in_folder() do folder
        project = make_backend(folder)
        touch_files(project, "data/raw/m/x", "data/interim/m/x", "data/processed/m/x", "data/raw/n/x")
        backend = BackendExplorer(project; model_instance="m")
        @test reset_data(backend) == [joinpath(project, "data", stage, "m")
                                      for stage in ("raw", "interim", "processed")]
        @test reset_data(backend) == []
        @test collect(keys(tree(joinpath(project, "data")))) == [joinpath("raw", "n", "x")]
        @test isdir(joinpath(project, "models", "m"))
        touch_files(project, "models/.m.partial/x")
        @test basename.(reset_model(backend)) == ["m", ".m.partial"]
        @test isempty(readdir(joinpath(project, "models")))
        touch_files(project, "data/raw/m/s/.sandbox", "data/raw/m/s/x", "data/raw/m/in/x")
        input = BackendExplorer(project; model_instance="m", sandbox="in")
        @test kind_of(() -> reset_data(input), "found a folder of input") == "not-a-sandbox"
        reset_data(BackendExplorer(project; model_instance="m", sandbox="s"))
        @test readdir(joinpath(project, "data", "raw", "m")) == ["in"]
    end
end

@testset "a sandbox in use is not removed" begin
    in_folder() do folder
        project = make_backend(folder)
        touch_files(project, ("data/$stage/m/s/$name" for stage in ("raw", "processed") for name in (".sandbox", "x"))...)
        sandbox = BackendExplorer(project; model_instance="m", sandbox="s")
        before = tree(joinpath(project, "data"))
        if !Sys.iswindows()
            TB.locked(joinpath(project, "data", "raw", "m", ".s.lock")) do
                for backend in (sandbox, BackendExplorer(project; model_instance="m"))
                    @test kind_of(() -> reset_data(backend), "a command is running in this sandbox") == "in-use"
                end
            end
            backend = BackendExplorer(project; model_instance="m")
            TB.locked(joinpath(project, "models", ".m.lock")) do
                @test kind_of(() -> reset_data(backend), "a training uses this input") == "in-use"
            end
            @test tree(joinpath(project, "data")) == before
        end
        @test length(reset_data(sandbox)) == 2
        @test isempty(tree(joinpath(project, "data")))
    end
end

@testset "data in another folder" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"))
        other = joinpath(folder, "other")
        @test BackendExplorer(project).data_folder == joinpath(project, "data")
        withenv("TAGGINGBACKENDS_DATA" => other) do
            @test BackendExplorer(project).data_folder == other
        end
        backend = BackendExplorer(project; model_instance="m", data_folder="$other/")
        @test raw_data_dir(backend) == joinpath(other, "raw", "m")
        @test TB.data_environment(backend) == Dict("TAGGINGBACKENDS_DATA" => other)
        @test isempty(TB.data_environment(BackendExplorer(project)))
        @test !ispath(joinpath(project, "data"))
    end
end

@testset "models in another folder" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"))
        models = joinpath(folder, "models")
        mkpath(joinpath(models, "n"))
        withenv("TAGGINGBACKENDS_MODELS" => models) do
            backend = BackendExplorer(project; model_instance="n")
            @test list_models(backend) == ["n"]
            @test model_dir(backend) == joinpath(models, "n")
        end
    end
end

@testset "a data folder that cannot be used" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"))
        data = joinpath(project, "data")
        spine = write_recording(joinpath(folder, "lab"))
        backend = BackendExplorer(project; model_instance="m")
        write(data, "")
        for call in (() -> raw_data_dir(backend), () -> push(backend, spine))
            @test kind_of(call, "$data: expected a folder, found a file; move or remove it") == "unusable-data"
        end
        rm(data)
        symlink("/scratch/cleaned/away", data)
        text = "$data: expected a folder, found a link to /scratch/cleaned/away, which does not exist; create"
        for call in (() -> processed_data_dir(backend), () -> push(backend, spine))
            @test kind_of(call, text) == "unusable-data"
        end
    end
end

@testset "a linked model is unlinked, not emptied" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"))
        touch_files(folder, "elsewhere/weights")
        symlink(joinpath(folder, "elsewhere"), joinpath(project, "models", "linked"))
        reset_model(BackendExplorer(project; model_instance="linked"))
        @test list_models(BackendExplorer(project)) == ["m"]
        @test isfile(joinpath(folder, "elsewhere", "weights"))
    end
end

@testset "scripts are found in either place" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(folder, "predict_model.jl" => ""; name="backend"))
        @test TB.find_script(backend, "predict_model") ==
              joinpath(backend.project_dir, "scripts", "predict_model.jl")
        @test TB.find_script(backend, "train_model") === nothing
        touch_files(backend.project_dir, "src/backend/models/predict_model.py")
        both = joinpath("src", "backend", "models", "predict_model.py") * " and " *
               joinpath("scripts", "predict_model.jl")
        @test kind_of(() -> TB.find_script(backend, "predict_model"), both) == "ambiguous-script"
    end
end
