@isdefined(Backends) || include("backends.jl")
using .Backends, TaggingBackends, Test

"""Return a Python that has taggingbackends, or `nothing`."""
function find_python()
    venv = joinpath(ROOT, ".venv", Sys.iswindows() ? "Scripts" : "bin", "python")
    for python in (get(ENV, "TAGGINGBACKENDS_PYTHON", ""), venv, something(Sys.which("python3"), ""))
        isempty(python) && continue
        command = ignorestatus(`$python -c "import taggingbackends.cli"`)
        try
            success(pipeline(command; stdout=devnull, stderr=devnull)) && return python
        catch error
            error isa Base.IOError || rethrow()
        end
    end
    return nothing
end

const PYTHON = find_python()

"""Call `work`; return its result, and its standard output and standard error."""
function overheard(work)
    return mktempdir() do folder
        out, err = open(joinpath(folder, "out"), "w+"), open(joinpath(folder, "err"), "w+")
        result = redirect_stdout(() -> redirect_stderr(work, err), out)
        foreach(close, (out, err))
        return result, read(joinpath(folder, "out"), String), read(joinpath(folder, "err"), String)
    end
end

"""Return the CommandError of `work`, or its result; discard its output."""
refusal(work) = first(overheard(() -> try work() catch error; error end))

const PREDICT_PY = """
    import sys
    from taggingbackends import Labels
    from taggingbackends.data import find_recordings, load_tracks
    from taggingbackends.main import main

    def predict_model(backend, label="run", die=False, fail=None):
        print("predicting", flush=True)
        print("grumbling", file=sys.stderr, flush=True)
        if die:
            sys.exit(7)
        if fail:
            raise RuntimeError(fail)
        for file in find_recordings(backend.list_input_files()):
            recording = load_tracks(file, outline=False)
            labels = Labels()
            for larva, track in recording.items():
                labels.set(recording.run, larva, track.times, [label] * len(track))
            labels.write(backend.output_path(file))

    if __name__ == "__main__":
        main(predict_model)
    """

const TRAIN_PY = """
    from taggingbackends.main import main

    def train_model(backend, **options):
        (backend.model_dir() / "weights").write_text(str(sorted(options.items())))

    def finetune_model(backend, **options):
        train_model(backend, **options)

    if __name__ == "__main__":
        main(train_model)
    """

@testset "backends are found among folders, and an invalid one is skipped" begin
    in_folder() do folder
        make_backend(joinpath(folder, "b"); model="m2")
        make_backend(joinpath(folder, "a"))
        touch_files(folder, "file", "no-backend/pyproject.toml", ".hidden/pyproject.toml", ".hidden/models/x")
        touch_files(folder, "c/models/x")
        write(joinpath(folder, "c", "pyproject.toml"), "[project\n")
        message = "backend left out: $(joinpath(folder, "c", "pyproject.toml")): expected TOML, found: " *
                  "'\\n' in line 1"
        found = @test_logs (:warn, message) findbackends(folder)
        @test [backend.package_name for backend in found] == ["a", "b"]
        @test list_models(found[2]) == list_models(joinpath(folder, "b")) == ["m2"]
        @test kind_of(() -> list_models(joinpath(folder, "no-backend"))) == "not-a-backend"
    end
end

@testset "the message of a command that failed" begin
    @test TB.message_of("Warning: x\nError: no model n in y: did you mean m?\n", 1) ==
          "no model n in y: did you mean m?"
    @test TB.message_of("Usage: tagging-backend ...\n\nError: Missing option '--model-instance'.\n", 2) ==
          "Missing option '--model-instance'."
    failed = "predict_model failed with exit code 1 (x.py)"
    @test TB.message_of("Error: x.spine, line 3: bad\nWarning: kept\nError: $failed\n", 1) ==
          "$failed: x.spine, line 3: bad"
    @test TB.message_of("Traceback:\n  File\nRuntimeError: down\nWarning: kept\nError: $failed\n", 1) ==
          "$failed: RuntimeError: down"
    @test TB.message_of("ERROR: LoadError: down\nStacktrace:\n [1] x\nError: $failed\n", 1) ==
          "$failed: LoadError: down"
    @test TB.message_of("Error: $failed\n", 1) == failed
    @test TB.message_of("Traceback:\nKeyError: 'x'\n", 1) == "KeyError: 'x'"
    @test TB.message_of("", 143) == "tagging-backend ended with exit code 143"
end

@testset "only the last lines of the command are its label files" begin
    in_folder() do folder
        touch_files(folder, "a.label", "b/c.label", "d.label")
        one, two, three = (joinpath(folder, name) for name in ("a.label", "b/c.label", "d.label"))
        @test TB.printed_label_files("$three\ntalk\n$one\r\n$two\n", folder) == [one, two]
        @test TB.printed_label_files("talk\n", folder) == []
        @test TB.printed_label_files("$one\n", joinpath(folder, "b")) == []
    end
end

if Sys.isunix()
    @testset "the command does not get the caller's environments" begin
        in_folder() do folder
            said() = first(overheard(() -> TB.run_command(make_backend(folder), `env`)))
            given = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "JULIA_PROJECT")
            withenv((name => "/elsewhere" for name in given)...) do
                @test !occursin("/elsewhere", said())
            end
        end
    end
end

const POETRY = get(ENV, "POETRY", something(Sys.which("poetry"), ""))

"""Make a virtual environment with `tagging-backend`, and with a module `whose` that has the label `name`."""
function make_environment(folder, name)
    run(`$PYTHON -m venv --without-pip $folder`)
    python, script = joinpath(folder, "bin", "python"), joinpath(folder, "bin", "tagging-backend")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages, of_tests = readchomp(`$python -c $ask`), readchomp(`$PYTHON -c $ask`)
    write(joinpath(packages, "of_tests.pth"), "import site; site.addsitedir($(repr(of_tests)))\n")
    write(joinpath(packages, "whose.py"), "NAME = \"$name\"\n")
    write(script, "#!$python\nfrom taggingbackends.__main__ import main\nmain()\n")
    chmod(script, 0o755)
    return folder
end

if PYTHON === nothing || isempty(POETRY) || !Sys.isunix()
    @info "not tested: Poetry chooses the backend's environment (needs POETRY, a Python, and Unix)"
    @test_skip "the environment of the backend"
else
    @testset "Poetry and Julia run in the backend's environment, not in the caller's" begin
        in_folder() do folder
            labelling = replace(PREDICT_PY, "label=\"run\"" => "label=__import__(\"whose\").NAME")
            learning = replace(TRAIN_PY, "sorted(options.items())" => "__import__(\"whose\").NAME")
            prepare = "using Logging; println(Sys.BINDIR); println(Base.load_path_expand(\"@\"))"
            backend = make_backend(joinpath(folder, "b"), "predict_model.py" => labelling,
                                   "train_model.py" => learning, "make_dataset.jl" => prepare)
            make_environment(joinpath(backend, ".venv"), "backend")
            rm(joinpath(backend, ".venv", "bin", "tagging-backend"))  # that of the caller is on PATH
            callers = make_environment(joinpath(folder, "callers"), "caller")
            write(joinpath(backend, "numpy.py"), "raise SystemExit('the folder')")
            modules = mkpath(joinpath(folder, "modules", "src"))
            foreach(file -> write(joinpath(modules, file), "NAME = \"path\"\n"), ("whose.py", "numpy.py"))
            foreach(file -> write(joinpath(modules, file), "error(\"caller\")"), ("TaggingBackends.jl", "Logging.jl"))
            write(joinpath(folder, "modules", "Project.toml"), "name = \"TaggingBackends\"\n[deps]\nx = 1\n")
            spine = write_recording(joinpath(folder, "lab"))
            label = write_labels(spine)
            path = join([joinpath(callers, "bin"), dirname(POETRY), ENV["PATH"]], ':')
            # Poetry obeys the first two, and Python the third; the command does not pass on the others either
            withenv("VIRTUAL_ENV" => callers, "CONDA_PREFIX" => callers, "PYTHONHOME" => callers,
                    "CONDA_DEFAULT_ENV" => "callers", "PYTHONPATH" => modules, "JULIA_LOAD_PATH" => modules,
                    "JULIA_PROJECT" => dirname(modules), "JULIA_BINDIR" => callers, "PATH" => path) do
                predicted, out, err = overheard(() -> predict(backend, "m", spine))
                @test countlabels(predicted) == Dict("backend" => 10)
                @test occursin("$(Sys.BINDIR)\nnothing\n", out)
                model = first(overheard(() -> train(backend, label)))
                @test read(joinpath(backend, "models", model, "weights"), String) == "backend"
            end
        end
    end
end

@testset "a missing command" begin
    in_folder() do folder
        project = make_backend(folder)
        error = refusal(() -> predict(project, "m", "x.spine"; command=`there-is-no-such-command`))
        @test error isa CommandError && error.exit_code == 127
        @test occursin("cannot start there-is-no-such-command", error.problem)
        @test_throws ArgumentError predict(project, "m", String[]; command=`there-is-no-such-command`)
        temporary = mkpath(joinpath(folder, "temporary"))
        withenv("TMPDIR" => temporary, "TMP" => temporary) do
            @test kind_of(() -> predict(joinpath(folder, "none"), "m", "x.spine")) == "not-a-backend"
        end
        @test isempty(readdir(temporary))
    end
end

if PYTHON === nothing
    @info "Nyx's side not tested with the command: no Python with taggingbackends (TAGGINGBACKENDS_PYTHON)"
    @test_skip "predict and train"
else
    const COMMAND = `$PYTHON -m taggingbackends`

    @testset "predict returns labels and leaves no file" begin
        in_folder() do folder
            project = make_backend(joinpath(folder, "b"), "predict_model.py" => PREDICT_PY)
            spine = write_recording(joinpath(folder, "lab"))
            before = tree(folder)
            predicted, out, err = overheard(() -> predict(project, "m", spine; command=COMMAND))
            @test predicted[RUN][20].states == fill("run", 5)
            @test predicted[RUN].metadata["software"]["model_instance"] == "m"
            @test checkdependencies(predicted, dirname(spine)) ==
                  [TB.with_suffix(spine, ".outline"), spine]
            @test (out, err) == ("predicting\n", "grumbling\n")
            @test tree(folder) == before
        end
    end

    @testset "predict several, into a folder, with options, of an explorer" begin
        in_folder() do folder
            backend = BackendExplorer(make_backend(joinpath(folder, "b"), "predict_model.py" => PREDICT_PY))
            write_recording(joinpath(folder, "lab", "a"))
            write_recording(joinpath(folder, "lab"), OTHER)
            again(; options...) = predict(backend, "m", "lab"; output="out", command=COMMAND, options...)
            first_time() = cd(() -> again(; label="cast", skip_make_dataset=true), folder)
            predicted, out, err = overheard(first_time)
            @test occursin(joinpath(folder, "out", "a", "predicted.label"), out)
            @test sort(collect(keys(predicted))) == [RUN, "20240612_090000"]
            @test countlabels(predicted) == Dict("cast" => 20)
            files = [joinpath("a", "predicted.label"), "predicted.label"]
            @test sort(collect(keys(tree(joinpath(folder, "out"))))) == files
            error = refusal(() -> cd(again, folder))
            @test error isa CommandError && occursin("exists already (and 1 more); replace", error.problem)
            predicted = first(overheard(() -> cd(() -> again(; force=true), folder)))
            @test countlabels(predicted) == Dict("run" => 20)
        end
    end

    @testset "recordings with the same run identifier are refused" begin
        in_folder() do folder
            project = make_backend(joinpath(folder, "b"), "predict_model.py" => PREDICT_PY)
            one, two = write_recording(joinpath(folder, "x")), write_recording(joinpath(folder, "y"))
            error = refusal(() -> predict(project, "m", [one, two]; command=COMMAND))
            @test error isa BackendError && occursin("$RUN: expected one recording per run", error.problem)
            kept = match(r"label files below (.*)$", error.problem)[1]
            @test length(tree(kept)) == 2
            rm(kept; recursive=true)
        end
    end

    @testset "errors carry the command's message" begin
        in_folder() do folder
            project = make_backend(joinpath(folder, "b"), "predict_model.py" => PREDICT_PY)
            spine = write_recording(joinpath(folder, "lab"))
            failing(model="m"; options...) =
                refusal(() -> predict(project, model, spine; command=COMMAND, options...))
            error = failing("n")
            @test error isa CommandError && error.exit_code == 1
            @test startswith(error.problem, "no model n in ")
            error = failing(; die=true)
            @test error.exit_code == 7
            @test occursin(r"^predict_model failed with exit code 7 \(.*\): grumbling$", error.problem)
            error = failing(; fail="the network is down")
            @test occursin("): RuntimeError: the network is down", error.problem)
            @test occursin("not an option for the scripts", failing(; original_model_instance=1).problem)
            @test failing(; original_model_instance=1).exit_code == 2
            edited(spine, 4, r" \S+$", "")
            @test occursin(r": .*\.spine, line 4: expected 25 fields", failing().problem)
        end
    end

    @testset "train returns the new model's name" begin
        in_folder() do folder
            project = make_backend(joinpath(folder, "b"), "train_model.py" => TRAIN_PY,
                                   "finetune_model.py" => replace(TRAIN_PY, "main(train" => "main(finetune"))
            mkpath(joinpath(project, "pretrained_models", "base"))
            label = write_labels(write_recording(joinpath(folder, "lab")))
            weights(model) = read(joinpath(project, "models", model, "weights"), String)
            model, out, err = overheard(() -> train(project, label; command=COMMAND, epochs=20))
            @test occursin(r"^\d{8}_\d{6}$", model)
            @test list_models(project) == [model, "m"]
            @test weights(model) == "[('epochs', '20')]"
            named() = train(project, [label]; model_instance="new", pretrained_model_instance="base",
                            command=COMMAND)
            @test first(overheard(named)) == "new"
            @test weights("new") == "[('pretrained_model_instance', 'base')]"
            @test occursin("model new exists already", refusal(named).problem)
            tuned() = finetune(project, "new", label; model_instance="tuned", command=COMMAND)
            @test first(overheard(tuned)) == "tuned"
            @test weights("tuned") == "[('original_model_instance', 'new')]"
        end
    end

    Sys.isunix() && @testset "the code of README.md and docs/from-julia.md" begin
        in_folder() do folder
            tune = replace(TRAIN_PY, "main(train" => "main(finetune")
            predicting = replace(PREDICT_PY, "label=\"run\"" => "label=\"run\", threshold=0.3")
            backend = make_backend(joinpath(folder, "My-Tagger"), "predict_model.py" => predicting,
                                   "train_model.py" => TRAIN_PY, "finetune_model.py" => tune; model=RUN)
            poetry = joinpath(mkpath(joinpath(folder, "bin")), "poetry")
            write(poetry, "#!/bin/sh\nshift 2\nexec $PYTHON \"\$@\"\n")  # poetry run python ...
            chmod(poetry, 0o755)
            lab = joinpath(folder, "lab")
            recorded, other = write_recording(lab, "recording"), write_recording(lab, OTHER)
            for (name, spine) in (("my", recorded), ("a", recorded), ("b", other), ("corrected", recorded))
                write_labels(spine, "$name.label")
            end
            of_page = only(filter(block -> occursin("findbackends", block), julia_blocks("docs/from-julia.md")))
            mine = Module()
            withenv("PATH" => dirname(poetry) * ":" * ENV["PATH"]) do
                for block in (only(julia_blocks("README.md")), of_page)
                    code = replace(block, "/opt/backends" => folder)
                    overheard(() -> cd(() -> Base.include_string(mine, code), lab))
                end
            end
            @test Base.include_string(mine, "keys(labels) == keys(predicted)")
            @test Set(list_models(backend)) == Set([RUN; Base.include_string(mine, "[model, better]")])
        end
    end

    @testset "the output of the command is passed on while it runs" begin
        in_folder() do folder
            slow = replace(PREDICT_PY, "if die:" => "import time; time.sleep(3)\n    if die:")
            project = make_backend(joinpath(folder, "b"), "predict_model.py" => slow)
            spine = write_recording(joinpath(folder, "lab"))
            before = stdout
            reader, writer = redirect_stdout()
            heard = @async (readline(reader), time())
            ended = try
                predict(project, "m", spine; command=COMMAND)
                time()
            finally
                redirect_stdout(before)
            end
            line, at = fetch(heard)
            @test line == "predicting"
            @test ended - at > 2
        end
    end

    @testset "check" begin
        in_folder() do folder
            project = make_backend(joinpath(folder, "b"), "predict_model.py" => PREDICT_PY)
            withenv("TAGGINGBACKENDS_PYTHON" => PYTHON) do
                @test check(BackendExplorer(project)) == []
                touch_files(project, "scripts/predict_model.jl")
                @test occursin("expected one predict_model script", only(check(BackendExplorer(project))))
            end
        end
    end

    @testset "the explorer runs scripts in Python" begin
        in_folder() do folder
            project = make_backend(joinpath(folder, "b"), "train_model.py" => TRAIN_PY)
            withenv("TAGGINGBACKENDS_PYTHON" => PYTHON) do
                train_model(BackendExplorer(project; model_instance="new"); epochs=20, fast=true, slow=false)
            end
            @test read(joinpath(project, "models", "new", "weights"), String) ==
                  "[('epochs', '20'), ('fast', True)]"
        end
    end
end

@testset "scripts in Python without a Python" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"), "train_model.py" => TRAIN_PY)
        withenv("TAGGINGBACKENDS_PYTHON" => nothing, "PATH" => folder) do
            backend = BackendExplorer(project; model_instance="new")
            @test kind_of(() -> train_model(backend), "expected poetry on the PATH") == "missing-python"
            @test kind_of(() -> check(backend), "expected poetry on the PATH") == "missing-python"
        end
        @test list_models(project) == ["m"]
    end
end
