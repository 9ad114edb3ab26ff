@isdefined(Backends) || include("backends.jl")
using .Backends, TaggingBackends, Test

"""Return a script whose function has this body."""
script(name, body; parameters="backend; options...") = """
    using TaggingBackends
    $name($parameters) = begin
        $body
    end
    if abspath(PROGRAM_FILE) == @__FILE__
        TaggingBackends.main($name)
    end
    """

"""Call `work` as the function of a script; return the exit code and the standard error."""
function by_function(work, arguments...; script="")
    return mktemp() do path, io
        code = redirect_stderr(() -> TB.exit_code_of(work, collect(String, arguments), script), io)
        flush(io)
        return code, read(path, String)
    end
end

by_hand(project, name, arguments...; dir=project, variables...) =
    run_julia(joinpath(project, "scripts", name), arguments...; dir=dir, variables...)

@testset "a function gets the options that it names" begin
    in_folder() do folder
        project = make_backend(folder)
        got = Ref{Any}(nothing)
        all_of_them(backend; options...) = got[] = Dict(options)
        named(backend; a="0", b=nothing) = got[] = (a, b)
        positional(backend, model="x"; a="0") = got[] = (model, a)
        none(backend) = got[] = backend
        needed(backend; learning_rate) = got[] = learning_rate
        cd(project) do
            @test by_function(all_of_them, "--a", "1", "--b-c") == (0, "")
            @test got[] == Dict(:a => "1", :b_c => true)
            @test by_function(all_of_them, "--backend=1") == (0, "")  # not a keyword
            @test by_function(named, "--a", "1") == (0, "")
            @test got[] == ("1", nothing)
            @test by_function(named, "--c", "1", "--b=2"; script="x.jl") ==
                  (2, "Error: x.jl: named takes no --c; known options: --a, --b\n")
            @test by_function(named, "--pixelsize=1", "--b=2") == (0, "Warning: named takes no --pixelsize\n")
            @test got[] == ("0", "2")
            @test by_function(positional, "--a=5") == (0, "")
            @test got[] == ("x", "5")
            @test by_function(none, "--x-y"; script="x.jl") ==
                  (2, "Error: x.jl: none takes no --x-y; there are no options\n")
            @test by_function(none) == (0, "")
            @test got[].project_dir == project
            typed(backend; epochs::Int=20, shuffle=true) = got[] = (epochs, shuffle)
            @test by_function(typed, "--epochs=5", "--no-shuffle") == (0, "")
            @test got[] == (5, false)
            @test by_function(typed, "--epochs=five"; script="x.jl") ==
                  (2, "Error: x.jl: --epochs: expected int, found \"five\"\n")
            @test by_function(typed, "--epoch=5"; script="x.jl") ==
                  (2, "Error: x.jl: typed takes no --epoch; did you mean --epochs?\n")
            @test by_function(needed, "--learning-rate=1") == (0, "")
            @test got[] == "1"
            @test by_function(needed; script="/x/predict_model.jl") ==
                  (2, "Error: predict_model.jl: needed needs --learning-rate\n")
            @test_throws ArgumentError by_function(x::Int -> x)
        end
    end
end

@testset "a script reports the options that it took, and what it left out" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"))
        notes = joinpath(folder, "notes")
        work(backend; a="", b="") = nothing
        withenv(TB.NOTES => notes) do
            @test cd(() -> by_function(work, "--a=1", "--c"), project) == (0, "")
            @test cd(() -> by_function(work), project) == (0, "")
            @test TB.leave_note("left out", "a\tb.csv", "2 rows", "1 larva")
        end
        @test readlines(notes) == ["taken\ta", "taken", "left out\ta\\tb.csv\t2 rows\t1 larva"]
        @test !TB.leave_note("taken")
    end
end

@testset "wrong usage" begin
    ran(backend; options...) = error("ran")
    for (arguments, message) in ((("stray",), "expected an option"), (("--sandbox",), "--sandbox needs a value"),
                                 (("--model-instance", "--x"), "--model-instance needs a value"))
        code, said = by_function(ran, arguments...; script="predict_model.jl")
        @test code == 2
        @test startswith(said, "Error: predict_model.jl: ") && occursin(message, said) && count("\n", said) == 1
    end
    refusing(backend; seed="0") = throw(TB.OptionError("expected a whole number, found --seed $seed"))
    in_folder() do folder
        cd(make_backend(folder)) do
            @test by_function(refusing, "--seed=x"; script="x.jl") ==
                  (2, "Error: x.jl: expected a whole number, found --seed x\n")
        end
    end
end

@testset "errors that the user can fix are one line" begin
    in_folder() do folder
        cd(make_backend(folder)) do
            code, said = by_function(raw_data_dir)
            @test (code, count("\n", said)) == (1, 1)
            @test startswith(said, "Error: data/raw needs a model instance")
            @test by_function(raw_data_dir, "--model-instance=../x")[1] == 1
            full(backend) = throw(SystemError("cannot write x", Libc.ENOSPC))
            @test by_function(full) == (1, "Error: SystemError: cannot write x: No space left on device\n")
            not_ours(backend) = throw(Base.IOError("open: x", Base.UV_EACCES))
            @test by_function(not_ours)[1] == 1
            missing_file(backend) = read("none.txt")
            code, said = by_function(missing_file)
            @test code == 1 && occursin("none.txt", said) && count("\n", said) == 1
            several(backend) = throw(BackendError("no-input", "one\n  two"))
            @test by_function(several) == (1, "Error: one two\n")
            failed(backend) = throw(ScriptError("train_model", "x", 7))
            @test by_function(failed)[1] == 7
            debugged = withenv(() -> by_function(several), TB.DEBUG => "1")
            @test debugged[1] == 1 && occursin("several", debugged[2])
            interrupted(backend) = throw(InterruptException())
            @test by_function(interrupted) == (130, "")
            for fault in (ErrorException("x"), SystemError("x", Libc.EINVAL),
                          Base.IOError("connect", Base.UV_ECONNREFUSED), UndefKeywordError(:other))
                faulty(backend) = throw(fault)
                @test_throws typeof(fault) by_function(faulty)
            end
        end
    end
end

@testset "errors about input name the file that was pushed" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(joinpath(folder, "b")); model_instance="m")
        spine = write_recording(joinpath(folder, "lab"))
        edited(spine, 4, r" \S+$", "")
        push(backend, spine)
        loading(backend) = foreach(loadtracks, keys(findrecordings(list_input_files(backend))))
        code, said = cd(() -> by_function(loading, "--model-instance=m"), backend.project_dir)
        @test (code, count("\n", said)) == (1, 1)
        @test startswith(said, "Error: $spine, line 4: expected 25 fields")
        rm(joinpath(raw_data_dir(backend), "$STEM.outline"))
        code, said = cd(() -> by_function(loading, "--model-instance=m"), backend.project_dir)
        @test startswith(said, "Error: $(TB.with_suffix(spine, ".outline")): expected this file beside")
    end
end

"""
    documented(backend)

Says what it does, \$5.
"""
documented(backend; bend=1) = error("ran")

@testset "help" begin
    helped(work) = mktemp() do path, io
        code = redirect_stdout(() -> TB.exit_code_of(work, ["--help"], "/x/predict_model.jl"), io)
        flush(io)
        return code, readlines(path)
    end
    usage = "usage: predict_model.jl --model-instance NAME [--sandbox TOKEN] [options]"
    named(backend; bend=1, the_speed=2) = error("ran")
    @test helped(named) == (0, [usage, "", "options: --bend --the-speed"])
    all_of_them(backend; options...) = error("ran")
    @test helped(all_of_them) == (0, [usage, "", "options: and any other"])
    none(backend) = error("ran")
    @test helped(none) == (0, [usage, "", "options: none"])
    @test helped(documented) ==
          (0, [usage, "", "    documented(backend)", "", "Says what it does, \$5.", "", "options: --bend"])
end

@testset "a script runs by hand from anywhere" begin
    in_folder() do folder
        shown = "println(join((backend.project_dir, backend.model_instance, backend.sandbox), ' '))"
        project = make_backend(joinpath(folder, "b"), "predict_model.jl" => script("predict_model", shown))
        code, out, err = by_hand(project, "predict_model.jl", "--model-instance", "m", "--sandbox=s"; dir=folder)
        @test (code, out, err) == (0, "$project m s\n", "")
        symlink(joinpath(project, "scripts", "predict_model.jl"), joinpath(folder, "linked.jl"))
        @test TB.project_of(joinpath(folder, "linked.jl")) == project
        other = make_backend(joinpath(folder, "other"))
        symlink(joinpath(project, "scripts", "predict_model.jl"), joinpath(other, "scripts", "predict_model.jl"))
        @test TB.project_of(joinpath(other, "scripts", "predict_model.jl")) == other
        @test TB.project_of(joinpath(folder, "none.jl")) === nothing
    end
end

@testset "other errors show their stack trace" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"),
                               "predict_model.jl" => script("predict_model", "error(\"the network is down\")"))
        code, out, err = by_hand(project, "predict_model.jl")
        @test code == 1
        @test occursin("the network is down", err) && occursin("predict_model.jl:3", err)
    end
end

const TRAIN = script("train_model", """
    write(joinpath(model_dir(backend), "weights"), "new")
    fail && error("died")
    code === nothing || exit(parse(Int, code))
    if wait_for_it
        println("waiting")
        sleep(60)
    end"""; parameters="backend; fail=false, code=nothing, wait_for_it=false")

@testset "training by hand leaves no half model" begin
    in_folder() do folder
        project = make_backend(folder, "train_model.jl" => TRAIN; model=nothing)
        models = joinpath(project, "models")
        code, out, err = by_hand(project, "train_model.jl", "--model-instance=new", "--fail")
        @test code == 1 && occursin("died", err) && isempty(readdir(models))
        @test by_hand(project, "train_model.jl", "--model-instance=new") == (0, "", "")
        @test tree(models) == Dict(joinpath("new", "weights") => b"new")
        code, out, err = by_hand(project, "train_model.jl", "--model-instance=new")
        @test code == 1 && startswith(err, "Error: model new exists already")
        @test occursin("name another with --model-instance NAME, or replace it with `tagging-backend train --force`", err)
        @test by_hand(project, "train_model.jl")[1] == 0
        @test length(readdir(models)) == 2
        @test by_hand(project, "train_model.jl", "--model-instance=three", "--code=3")[1] == 3
        @test by_hand(project, "train_model.jl", "--model-instance=zero", "--code=0")[1] == 0
        # before Julia 1.9, atexit does not get the exit code
        @test ("zero" in readdir(models)) == (VERSION >= v"1.9")
        @test !any(startswith("."), readdir(models)) && !("three" in readdir(models))
    end
end

if Sys.isunix()
    @testset "training by hand that is interrupted leaves no half model: signal $number" for (number, expected) in
                                                                                    ((2, 130), (15, 143))
        in_folder() do folder
            project = make_backend(folder, "train_model.jl" => TRAIN; model=nothing)
            variables = merge(Dict(ENV), Dict("JULIA_LOAD_PATH" => ROOT * ":"))
            command = `$(interpreter()) scripts/train_model.jl --wait-for-it`
            out = Pipe()
            process = run(pipeline(Cmd(command; dir=project, env=variables, ignorestatus=true);
                                   stdin=devnull, stdout=out, stderr=devnull); wait=false)
            close(out.in)
            @test readline(out) == "waiting"
            @test filter(endswith(".partial"), readdir(joinpath(project, "models"))) != []
            kill(process, number)
            wait(process)
            code = process.termsignal > 0 ? 128 + process.termsignal : process.exitcode
            @test code == expected
            @test isempty(readdir(joinpath(project, "models")))
        end
    end
end

@testset "the options reach warnings and log messages" begin
    in_folder() do folder
        body = """
            @info "epoch 1"
            @debug "never"
            @warn "few\\n  frames" found=3
            for _ in 1:3
                @warn "once" maxlog=1
            end
            @error "weights are NaN" exception=(DivideError(), catch_backtrace())"""
        project = make_backend(joinpath(folder, "b"), "predict_model.jl" => script("predict_model", body))
        log = joinpath(folder, "log")
        shown(; variables...) = split(by_hand(project, "predict_model.jl", "--x=1"; TAGGINGBACKENDS_LOG=log,
                                              variables...)[3], '\n'; keepempty=false)
        warnings = ["Warning: few frames (found = 3)", "Warning: once"]
        error = "Error: weights are NaN: DivideError: integer division error"
        @test shown() == [warnings; error]
        @test shown(; TAGGINGBACKENDS_VERBOSITY="verbose") == ["epoch 1"; warnings; error]
        rm(log)
        @test shown(; TAGGINGBACKENDS_VERBOSITY="quiet") == [error]
        stamp = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+ "m
        records = split(read(log, String), stamp; keepempty=false)
        @test records[1:3] == ["info: epoch 1\n", "warning: few\n  frames (found = 3)\n", "warning: once\n"]
        @test length(records) == 4
        @test startswith(records[4], "error: weights are NaN: DivideError: integer division error\nDivideError")
        @test occursin("DivideError", shown(; TAGGINGBACKENDS_DEBUG="1")[3])
        # the script continues if the log can no longer be written
        @test shown(; TAGGINGBACKENDS_LOG=folder) == [warnings; error]
    end
end

@testset "the log has the stack trace of every error" begin
    in_folder() do folder
        log = joinpath(folder, "log")
        cd(make_backend(joinpath(folder, "b"))) do
            withenv("TAGGINGBACKENDS_LOG" => log) do
                @test by_function(raw_data_dir)[1] == 1
                faulty(backend) = error("the network is down")
                @test_throws ErrorException by_function(faulty)
            end
        end
        text = read(log, String)
        @test occursin(r" error: data/raw needs a model instance.*\ndata/raw needs .*\nStacktrace:", text)
        @test occursin(r" error: the network is down\nthe network is down\nStacktrace:\n.*faulty"s, text)
    end
end

@testset "loading the package sets no logger" begin
    program = "using Logging; before = global_logger(); using TaggingBackends; print(global_logger() === before)"
    @test run_julia("-e", program)[2] == "true"
end

# -- running scripts from Julia

@testset "the explorer runs scripts in Julia" begin
    in_folder() do folder
        body = "write(joinpath(backend.project_dir, \"said\"), join((model_dir(backend), ARGS...), '\\n'))"
        project = make_backend(joinpath(folder, "b"), "train_model.jl" => script("train_model", body),
                               "build_features.jl" => script("build_features", "exit(3)"))
        backend = BackendExplorer(project; model_instance="new", sandbox="s")
        @test make_dataset(backend) === nothing  # no such script
        error = try build_features(backend) catch error; error end
        @test error isa ScriptError
        @test (error.step, error.exit_code) == ("build_features", 3)
        train_model(backend; epochs=20, fast=true, slow=false, rate=nothing)
        partial = joinpath(project, "models", ".new.partial")
        @test readlines(joinpath(project, "said")) ==
              [partial, "--model-instance=new", "--sandbox=s", "--epochs=20", "--fast"]
        @test list_models(backend) == ["m", "new"]
        @test kind_of(() -> train_model(backend), "exists already") == "existing-model"
        @test kind_of(() -> finetune_model(backend), "finetune_model.py or") == "missing-script"
    end
end

@testset "a sandbox is marked even if the script fails" begin
    in_folder() do folder
        project = make_backend(folder, "predict_model.jl" => script("predict_model", "exit(3)"))
        write_recording(joinpath(project, "data", "raw", "m", "tok"))
        sandbox = BackendExplorer(project; model_instance="m", sandbox="tok")
        @test_throws ScriptError predict_model(sandbox)
        @test isempty(list_input_files(BackendExplorer(project; model_instance="m")))
        @test length(reset_data(sandbox)) == 3
    end
end

const PREDICT = script("predict_model", """
    for file in keys(findrecordings(list_input_files(backend)))
        recording = loadtracks(file; outline=false)
        predicted = Labels()
        for (larva, track) in recording
            setlabels!(predicted, recording.run, larva, track.times, fill(label, length(track)))
        end
        writelabels(output_path(backend, file), predicted)
    end"""; parameters="backend; label=\"run\"")

const NO_FILES = "da39a3ee5e6b4b0d3255bfef95601890afd80709"  # the digest of a model without files

@testset "predicted labels are completed" begin
    in_folder() do folder
        project = make_backend(joinpath(folder, "b"), "predict_model.jl" => PREDICT)
        backend = BackendExplorer(project; model_instance="m")
        push(backend, write_recording(joinpath(folder, "lab")), write_recording(joinpath(folder, "lab"), OTHER))
        files = predict_model(backend; label="cast")
        @test basename.(files) == ["$STEM.predicted.label", "$OTHER.predicted.label"]
        run = readlabels(files[1])[RUN]
        @test run[20].states == fill("cast", 5)
        @test collect(run.metadata["software"]) == ["name" => "b", "version" => "1.2", "model_instance" => "m",
                                                    "model_digest" => NO_FILES,
                                                    "taggingbackends" => TB.VERSION_HERE]
        @test [entry["filename"] for entry in run.dependencies] == ["$STEM.outline", "$STEM.spine"]
        checkdependencies(readlabels(files[1]), raw_data_dir(backend))
        @test basename.(pull(backend)) == basename.(files)
    end
end

@testset "metadata that the script sets are kept" begin
    in_folder() do folder
        backend = BackendExplorer(make_backend(joinpath(folder, "b")); model_instance="m")
        push(backend, write_recording(joinpath(folder, "lab")))
        mine = setlabels!(Labels(), "r", 1, [0.5], ["run"])
        mine["r"].metadata["software"] = TB.OrderedDict{String,Any}("name" => "mine", "commit" => "abc")
        mine["r"].dependencies = [TB.OrderedDict{String,Any}("filename" => "x.spine", "sha1" => "ab")]
        path = joinpath(processed_data_dir(backend), "predicted.label")
        writelabels(path, mine)
        TB.complete(backend, [path])
        run = readlabels(path)["r"]
        @test collect(run.metadata["software"]) ==
              ["name" => "mine", "commit" => "abc", "version" => "1.2", "model_instance" => "m",
               "model_digest" => NO_FILES, "taggingbackends" => TB.VERSION_HERE]
        @test only(run.dependencies)["sha1"] == "ab"
        before = stat(path).inode
        TB.complete(backend, [path])
        @test stat(path).inode == before  # nothing to add: not written again
        # labels without a frame, of an unknown recording
        push(backend, write_recording(joinpath(folder, "lab"), OTHER))
        writelabels(path, setlabels!(Labels(), "r", 1, [0.5], [[]]))
        @test_logs((:warn, "predicted.label: the input of run r is unknown; set its " *
                           "dependencies in predict_model"),
                   (:warn, "predicted.label: no frame has a label"), TB.complete(backend, [path]))
    end
end
