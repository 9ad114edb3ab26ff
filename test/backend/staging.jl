@isdefined(Backends) || include(joinpath(dirname(@__DIR__), "backends.jl"))
using .Backends, TaggingBackends, Test

"""Call `work` with an explorer of a new backend, and a folder for recordings."""
function in_lab(work)
    return in_folder() do folder
        return work(BackendExplorer(make_backend(joinpath(folder, "b")); model_instance="m"),
                    joinpath(folder, "lab"))
    end
end

"""Write labels for pushed input, as predict_model would."""
function predicted(backend, spine)
    pushed = first(filter(file -> basename(file) == basename(spine), list_input_files(backend)))
    target = output_path(backend, pushed)
    labels_ = readlabels(write_labels(spine, "temporary.label"))
    rm(joinpath(dirname(spine), "temporary.label"))
    writelabels(target, labels_)
    return target
end

@testset "the content of one folder is copied to the top" begin
    in_lab() do backend, lab
        write_recording(lab)
        write_recording(joinpath(lab, "a", "b"), OTHER)
        touch_files(lab, ".hidden", ".folder/x")
        pushed = push(backend, joinpath(lab, ""))
        @test listed(backend) == ["$STEM.outline", "$STEM.spine", "a/b/$OTHER.outline", "a/b/$OTHER.spine"]
        @test sort(pushed) == sort(list_input_files(backend))
        for path in pushed
            @test read(path) == read(joinpath(lab, relpath(path, raw_data_dir(backend))))
            @test !islink(path)
        end
    end
end

@testset "paths are relative to their deepest common folder" begin
    in_lab() do backend, lab
        one = write_recording(joinpath(lab, "x", "a"))
        write_recording(joinpath(lab, "x", "b", "c"))
        push(backend, one, joinpath(lab, "x", "b"))
        @test listed(backend) == ["$folder/$STEM$suffix" for folder in ("a", "b/c")
                                  for suffix in (".outline", ".spine")]
    end
end

@testset "files that belong together are pushed together" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        write_recording(lab, OTHER)
        push(backend, write_labels(spine))
        @test listed(backend) == ["$STEM.outline", "$STEM.spine", "truth.label"]
    end
end

@testset "bad dependencies are refused" begin
    in_lab() do backend, lab
        label = write_labels(write_recording(lab))
        rm(joinpath(lab, "$STEM.outline"))
        for path in (label, lab)
            @test kind_of(() -> push(backend, path)) == "bad-dependency"
        end
        write(label, "{")
        @test kind_of(() -> push(backend, label)) == "invalid-json"
        @test isempty(listed(backend))
    end
end

@testset "input that is not there" begin
    in_lab() do backend, lab
        missing_file = joinpath(lab, "none.spine")
        @test kind_of(() -> push(backend, missing_file), "none.spine: no such file") == "no-input"
        touch_files(lab, ".hidden")
        @test kind_of(() -> push(backend, lab), "expected visible files, found none") == "no-input"
        @test kind_of(() -> push(backend)) == "no-input"
        one, two = write_recording(joinpath(lab, ".a")), write_recording(joinpath(lab, "b"))
        @test kind_of(() -> push(backend, one, two), "hidden, so it would not be found") == "no-input"
        @test isempty(listed(backend))
    end
end

@testset "the same file may be pushed again, another may not" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        push(backend, spine)
        push(backend, spine)
        before = tree(raw_data_dir(backend))
        write(spine, replace(read(spine, String), "1.1" => "1.2"))
        touch_files(lab, "new.txt")
        @test kind_of(() -> push(backend, lab), "exists already, and differs from") == "existing-file"
        @test tree(raw_data_dir(backend)) == before
    end
end

@testset "links to files keep their names" begin
    in_lab() do backend, lab
        spine = write_recording(joinpath(lab, "annex"))
        folder = mkpath(joinpath(lab, "folder"))
        for suffix in (".spine", ".outline")  # as in a folder of git-annex or DataLad
            stored = joinpath(dirname(spine), "SHA256E$suffix")
            mv(TB.with_suffix(spine, suffix), stored)
            symlink(joinpath("..", "annex", basename(stored)), joinpath(folder, "$STEM$suffix"))
        end
        symlink(dirname(spine), joinpath(folder, ".hidden"))
        push(backend, folder)
        @test listed(backend) == ["$STEM.outline", "$STEM.spine"]
        pushed = joinpath(raw_data_dir(backend), "$STEM.spine")
        @test !islink(pushed) && TB.origin(backend, pushed) == joinpath(folder, "$STEM.spine")
    end
end

@testset "links that are refused" begin
    in_lab() do backend, lab
        spine = write_recording(joinpath(lab, "elsewhere"))
        folder = mkpath(joinpath(lab, "folder"))
        touch_files(folder, "real.txt")
        symlink(dirname(spine), joinpath(folder, "sub"))
        @test kind_of(() -> push(backend, folder), "sub: found a link to a folder outside $folder") == "outside-link"
        rm(joinpath(folder, "sub"))
        link = joinpath(folder, "x.spine")
        for target in ("../gone", "x.spine", "real.txt/x"), path in (folder, link)
            symlink(target, link)
            @test kind_of(() -> push(backend, path), "x.spine: found a broken link to $target; fetch") == "no-input"
            rm(link)
        end
        @test isempty(listed(backend))
    end
end

if Sys.isunix()
    @testset "pipes, devices and unreadable folders" begin
        in_lab() do backend, lab
            write_recording(lab)
            pipe = joinpath(lab, "a.spine")
            run(`mkfifo $pipe`)
            symlink("/dev/zero", joinpath(lab, "zero.csv"))
            for path in (pipe, joinpath(lab, "zero.csv"))
                @test kind_of(() -> push(backend, path), "found a pipe, a socket or a device") == "no-input"
            end
            warning = "skipped 2 pipes, sockets or devices in $lab: $pipe, ..."
            @test_logs (:warn, warning) push(backend, lab)
            @test listed(backend) == ["$STEM.outline", "$STEM.spine"]
        end
    end
end

if Sys.islinux()
    @testset "names that are not UTF-8" begin
        in_lab() do backend, lab
            file = joinpath(mkpath(lab), "\xfc.csv")
            touch(file)
            for path in (lab, file)
                @test kind_of(() -> push(backend, path), "\\xfc.csv: expected a name in UTF-8") == "bad-name"
            end
            @test kind_of(() -> TB.dependency(file)) == "bad-dependency"
            @test isempty(listed(backend))
        end
    end
end

@testset "links within a folder come along" begin
    in_lab() do backend, lab
        write_recording(joinpath(lab, "real"))
        symlink(joinpath(lab, "real"), joinpath(lab, "alias"))
        symlink(lab, joinpath(lab, "real", "loop"))
        push(backend, lab)
        @test listed(backend) == ["$folder/$STEM$suffix" for folder in ("alias", "real")
                                  for suffix in (".outline", ".spine")]
    end
end

@testset "a folder of input does not become a sandbox" begin
    in_lab() do backend, lab
        write_recording(joinpath(raw_data_dir(backend), "session1"))
        sandbox = BackendExplorer(backend.project_dir; model_instance="m", sandbox="session1")
        spine = write_recording(lab)
        @test kind_of(() -> push(sandbox, spine), "found a folder of input") == "not-a-sandbox"
        @test !ispath(joinpath(raw_data_dir(backend), "session1", ".sandbox"))
    end
end

@testset "other input is refused with alone=true" begin
    in_lab() do backend, lab
        one, two = write_recording(joinpath(lab, "a")), write_recording(joinpath(lab, "b"), OTHER)
        push(backend, one; alone=true)
        push(backend, one; alone=true)
        @test kind_of(() -> push(backend, two; alone=true), "other input is in place already") == "existing-file"
    end
end

@testset "refused input makes no folder" begin
    in_lab() do backend, lab
        write_recording(lab)
        @test kind_of(() -> push(backend, joinpath(lab, "none"))) == "no-input"
        @test kind_of(() -> pull(backend)) == "no-output"
        @test !ispath(joinpath(backend.project_dir, "data"))
    end
end

@testset "paths that go up and down again" begin
    in_lab() do backend, lab
        spine = write_recording(joinpath(lab, "a"))
        mkpath(joinpath(lab, "b"))
        push(backend, joinpath(lab, "b", "..", "a", basename(spine)))
        @test listed(backend) == ["$STEM.outline", "$STEM.spine"]
        predicted(backend, spine)
        @test pull(backend, joinpath(lab, "b", "..", "c")) == [joinpath(lab, "c", "predicted.label")]
    end
end

@testset "names of many bytes" begin
    in_lab() do backend, lab
        spine = write_recording(lab, "字"^80)
        push(backend, spine)
        @test read(joinpath(raw_data_dir(backend), basename(spine))) == read(spine)
    end
end

@testset "links instead of copies" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        for path in push(backend, spine; link=true)
            @test islink(path)
            @test realpath(path) == joinpath(lab, basename(path))
        end
    end
end

@testset "a failed push leaves nothing" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        # the second of the two files cannot be written
        mkpath(joinpath(lab, "z"))
        write(joinpath(lab, "z", "x.txt"), "x")
        touch_files(raw_data_dir(backend), "z")
        @test_throws Union{SystemError,Base.IOError} push(backend, lab)
        @test collect(keys(tree(raw_data_dir(backend)))) == ["z"]
    end
end

if !Sys.iswindows()
    @testset "one push at a time" begin
        in_lab() do backend, lab
            write_recording(lab)
            second = TB.locked(joinpath(raw_data_dir(backend), ".push-lock")) do  # as a push of Python does
                task = @async push(backend, lab)
                sleep(0.2)
                @test !istaskdone(task) && isempty(listed(backend))
                return task
            end
            wait(second)
            @test listed(backend) == ["$STEM.outline", "$STEM.spine"]
            @test sort(readdir(raw_data_dir(backend))) == [".origins.json", "$STEM.outline", "$STEM.spine"]
        end
    end

    @testset "the next push completes or removes a killed one" begin
        in_lab() do backend, lab
            top = raw_data_dir(backend)
            one = write_recording(joinpath(lab, "a", "sub"))
            other = write_recording(joinpath(lab, "b"), OTHER)
            record = TB.OrderedDict{String,Any}("sub/$STEM$suffix" => TB.with_suffix(one, suffix)
                                             for suffix in (".outline", ".spine"))
            brought = joinpath(top, "sub", "$STEM.outline")
            function killed(content=read(TB.with_suffix(one, ".outline")))
                dead = 4194305  # larger than any process's
                temporary = ".taggingbackends-$(TB.machine())-$dead-$("0"^16).tmp"
                touch_files(top, temporary, joinpath("sub", temporary))
                write(joinpath(top, ".pushing.json"), sprint(TB.write_json, record, 0))
                return write(brought, content)
            end
            killed()
            @test TB.origin(backend, brought) == TB.with_suffix(one, ".outline")
            said = "$top: an earlier push did not finish; of its files: 1"
            @test_logs (:warn, "$said pushed again") push(backend, joinpath(lab, "a"))
            @test sort(readdir(joinpath(top, "sub"))) == ["$STEM.outline", "$STEM.spine"]
            reset_data(backend)
            killed()
            record["other/$OTHER.spine"] = other
            write(joinpath(top, ".pushing.json"), sprint(TB.write_json, record, 0))
            mkpath(joinpath(top, "other"))
            @test_logs (:warn, "$said removed") push(backend, other; alone=true)
            @test readdir(top) == [".origins.json", "$OTHER.outline", "$OTHER.spine"]
            reset_data(backend)
            killed()
            two = write_recording(joinpath(lab, "c", "sub"))
            write(TB.with_suffix(two, ".outline"), string(read(TB.with_suffix(two, ".outline"), String), "\n"))
            @test_logs (:warn, "$said removed") push(backend, joinpath(lab, "c"))
            @test TB.same_content(brought, TB.with_suffix(two, ".outline"))
            reset_data(backend)
            killed("changed")
            @test_logs (:warn, "$said kept because they have changed") push(backend, other)
            @test read(brought, String) == "changed"
            @test TB.origin(backend, brought) == TB.with_suffix(one, ".outline")
        end
    end
end

@testset "several files are copied, or none" begin
    in_folder() do folder
        touch_files(folder, "a", "b", "c", "to/c/mine")
        write(joinpath(folder, "a"), "new")
        places = [joinpath(folder, "to", name) for name in ("a", "b", "c")]
        write(places[2], "old")
        chmod(places[2], 0o640)
        copies = collect(zip([joinpath(folder, name) for name in ("a", "b", "c")], places, map(TB.stamp, places)))
        before = tree(joinpath(folder, "to"))
        @test_throws Union{SystemError,Base.IOError} TB.copy_files(copies)
        @test tree(joinpath(folder, "to")) == before
        @test Sys.iswindows() || filemode(places[2]) & 0o777 == 0o640
        rm(places[3]; recursive=true)
        @test_throws Union{SystemError,Base.IOError} TB.copy_files([copies; ("none", places[3], nothing)])
        @test readdir(joinpath(folder, "to")) == ["b"]
        copies[3] = (copies[3][1], places[3], nothing)
        TB.copy_files(copies)
        @test tree(joinpath(folder, "to")) == Dict("a" => b"new", "b" => b"", "c" => b"")
    end
end

@testset "a folder does not go into a sandbox" begin
    in_lab() do backend, lab
        raw_data_dir(BackendExplorer(backend.project_dir; model_instance="m", sandbox="a"))
        write_recording(joinpath(lab, "a"))
        @test kind_of(() -> push(backend, lab), "a sandbox of this name") == "existing-file"
    end
end

@testset "labels are pulled beside their input" begin
    in_lab() do backend, lab
        one, two = write_recording(joinpath(lab, "a")), write_recording(joinpath(lab, "b"))
        push(backend, one, two)
        file = predicted(backend, one)
        @test file == joinpath(processed_data_dir(backend), "a", "predicted.label")
        pulled = pull(backend)
        @test pulled == [joinpath(lab, "a", "predicted.label")]
        @test read(pulled[1]) == read(file)
    end
end

@testset "two recordings in one folder" begin
    in_lab() do backend, lab
        spines = [write_recording(lab), write_recording(lab, OTHER)]
        push(backend, spines...)
        foreach(spine -> predicted(backend, spine), spines)
        @test pull(backend) == [joinpath(lab, "$stem.predicted.label") for stem in (STEM, OTHER)]
    end
end

@testset "recordings from two folders that meet" begin
    in_lab() do backend, lab
        one, two = write_recording(joinpath(lab, "a")), write_recording(joinpath(lab, "b"), OTHER)
        push(backend, one)
        push(backend, two)
        foreach(spine -> predicted(backend, spine), (one, two))
        @test sort(pull(backend)) == [joinpath(lab, "a", "$STEM.predicted.label"),
                                      joinpath(lab, "b", "$OTHER.predicted.label")]
        cp(joinpath(lab, "a", "$STEM.predicted.label"), joinpath(processed_data_dir(backend), "all.label"))
        @test kind_of(() -> pull(backend; force=true), "comes from 2 folders") == "unknown-origin"
    end
end

@testset "labels are pulled into a folder" begin
    in_lab() do backend, lab
        spine = write_recording(joinpath(lab, "a", "b"))
        write_recording(joinpath(lab, "c"))
        push(backend, lab)
        predicted(backend, spine)
        out = joinpath(dirname(lab), "out")
        @test pull(backend, out) == [joinpath(out, "a", "b", "predicted.label")]
        @test pull(backend, out) == [joinpath(out, "a", "b", "predicted.label")]  # the same content
        writelabels(joinpath(out, "a", "b", "predicted.label"), Labels())
        @test kind_of(() -> pull(backend, out), "exists already; replace with force=true") == "existing-file"
        pull(backend, out; force=true)
        @test haskey(readlabels(joinpath(out, "a", "b", "predicted.label")), RUN)
    end
end

@testset "an existing file is refused before anything is written" begin
    in_lab() do backend, lab
        spines = [write_recording(joinpath(lab, folder)) for folder in ("a", "b")]
        push(backend, spines...)
        for folder in ("a", "b")
            target = joinpath(processed_data_dir(backend), folder, "predicted.label")
            mkpath(dirname(target))
            cp(write_labels(joinpath(lab, folder, basename(spines[1]))), target)
        end
        write(joinpath(lab, "b", "predicted.label"), "mine")
        @test kind_of(() -> pull(backend)) == "existing-file"
        @test !ispath(joinpath(lab, "a", "predicted.label"))
        @test read(joinpath(lab, "b", "predicted.label"), String) == "mine"
    end
end

@testset "dependencies are checked when pulling, and there may be nothing to pull" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        push(backend, spine)
        touch_files(processed_data_dir(backend), "notes.txt")
        @test kind_of(() -> pull(backend), "nothing to pull") == "no-output"
        predicted(backend, spine)
        open(io -> println(io), joinpath(raw_data_dir(backend), basename(spine)), "a")
        @test kind_of(() -> pull(backend)) == "bad-dependency"
        @test !ispath(joinpath(lab, "predicted.label"))
    end
end

@testset "the recordings of a folder, one at a time" begin
    in_lab() do backend, lab
        for spine in (write_recording(lab), write_recording(lab, OTHER))
            write_recording(lab, OTHER)
            stem = TB.stem_of(spine)
            sandbox = String(split(stem, "@")[1])
            alone = BackendExplorer(backend.project_dir; model_instance="m", sandbox=sandbox)
            push(alone, spine)
            @test basename(predicted(alone, spine)) == "predicted.label"
            @test pull(alone) == [joinpath(lab, "$stem.predicted.label")]
        end
    end
end

@testset "origins" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        pushed = push(backend, spine)
        @test sort([TB.origin(backend, path) for path in pushed]) == [TB.with_suffix(spine, ".outline"), spine]
        @test TB.origin(backend, TB.with_suffix(pushed[1], ".other")) == TB.with_suffix(spine, ".other")
        unknown = joinpath(raw_data_dir(backend), "other")
        @test TB.origin(backend, unknown) == unknown
        @test TB.origin(backend, spine) == spine
    end
end

@testset "stems that begin alike" begin
    in_lab() do backend, lab
        spines = [write_recording(lab, stem) for stem in ("$RUN@0", "$RUN@0.5")]
        push(backend, spines...)
        foreach(spine -> predicted(backend, spine), spines)
        @test basename.(pull(backend)) == ["$RUN@0.5.predicted.label", "$RUN@0.predicted.label"]
    end
end

@testset "places where labels cannot be written" begin
    in_lab() do backend, lab
        spine = write_recording(joinpath(lab, "a"))
        push(backend, spine)
        predicted(backend, spine)
        into_file() = pull(backend, joinpath(spine, "x"))
        @test kind_of(into_file, "expected a folder, found a file") == "existing-file"
        mkpath(joinpath(lab, "a", "predicted.label"))
        @test kind_of(() -> pull(backend; force=true), "expected a file, found a folder") == "existing-file"
    end
end

@testset "broken origins are reported" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        push(backend, spine)
        predicted(backend, spine)
        for text in ("{", "1", "{\"a\": 1}")
            write(joinpath(raw_data_dir(backend), ".origins.json"), text)
            for work in (() -> pull(backend), () -> push(backend, spine))
                @test kind_of(work, "the origins of the input cannot be read") == "unknown-origin"
            end
        end
    end
end

@testset "the origins are in the same file as Python's" begin
    in_lab() do backend, lab
        push(backend, write_recording(joinpath(lab, "é \"x\"")))
        origins = TB.parse_json(read(joinpath(raw_data_dir(backend), ".origins.json"), String))
        @test origins["$STEM.spine"] == joinpath(lab, "é \"x\"", "$STEM.spine")
        # as Python writes it
        write(joinpath(raw_data_dir(backend), ".origins.json"),
              "{\"$STEM.spine\": \"/the/l\\u00e4b/$STEM.spine\"}")
        @test TB.origin(backend, joinpath(raw_data_dir(backend), "$STEM.outline")) ==
              joinpath("/the/läb", "$STEM.outline")
    end
end

@testset "a model is put in place only after its training has succeeded" begin
    in_folder() do folder
        project = make_backend(folder)
        models = joinpath(project, "models")
        old = joinpath(models, "m", "weights")
        write(old, "old")
        weights(instance, force=false; fail=false) =
            TB.unfinished_model(BackendExplorer(project; model_instance=instance); force=force) do environment
                withenv(environment...) do
                    write(joinpath(model_dir(BackendExplorer(project; model_instance=instance)), "weights"),
                          "new")
                    @test force || !ispath(joinpath(models, instance))
                    fail && error("died")
                    return "done"
                end
            end
        @test weights("new") == "done"
        @test read(joinpath(models, "new", "weights"), String) == "new"
        @test kind_of(() -> weights("new"), "exists already") == "existing-model"
        @test_throws ErrorException weights("m", true; fail=true)
        @test read(old, String) == "old"
        @test weights("m", true) == "done"
        @test read(old, String) == "new"
        @test readdir(models) == ["m", "new"]
        touch_files(models, ".x.partial/half", ".old.replaced/weights")  # left by killed trainings
        @test weights("x") == "done"
        @test readdir(joinpath(models, "x")) == ["weights"]
        @test kind_of(() -> weights("old"), "model old exists already") == "existing-model"
        touch_files(models, ".old.replaced/weights")  # killed after the last rename
        @test weights("old", true) == "done"
        @test !ispath(joinpath(models, ".old.replaced"))
        mv(joinpath(models, "old"), joinpath(models, ".old.replaced"))  # killed between two renames
        killed = BackendExplorer(project; model_instance="old")
        @test "old" in list_models(killed)
        @test TB.check_model(killed) === nothing
        @test model_dir(killed) == joinpath(models, ".old.replaced")
        touch_files(models, ".old.removed/half", ".old.partial/half")
        @test basename.(reset_model(killed)) == [".old.partial", ".old.replaced", ".old.removed"]
        @test !("old" in list_models(killed))
        @test weights("old") == "done"  # the removed model does not come back
        rm(joinpath(models, "old"); recursive=true)
        meanwhile(_) = kind_of(() -> weights("y"), "another training of y is under way")
        if !Sys.iswindows()
            @test TB.unfinished_model(meanwhile, BackendExplorer(project; model_instance="y")) ==
                  "existing-model"
            rm(joinpath(models, "y"); recursive=true)
            reset(_) = kind_of(() -> reset_model(BackendExplorer(project; model_instance="y")),
                               "another training of y is under way; wait")
            @test TB.unfinished_model(reset, BackendExplorer(project; model_instance="y")) ==
                  "existing-model"
            rm(joinpath(models, "y"); recursive=true)
        end
        backend = BackendExplorer(project; model_instance="y")
        itself(_) = mkpath(joinpath(models, "y"))
        @test kind_of(() -> TB.unfinished_model(itself, backend), "model_dir(backend)") == "existing-model"
        @test filter(!startswith("."), readdir(models)) == ["m", "new", "x", "y"]
        @test !any(endswith(".partial"), readdir(models))
        # file systems that cannot exchange folders
        unfinished, model, replaced, removed = joinpath.(models, (".x.partial", "x", ".x.replaced", ".x.removed"))
        touch_files(unfinished, "new")
        TB.put_model(unfinished, model, replaced, true, (one, other) -> false)
        @test readdir(model) == ["new"] && readdir(replaced) == ["weights"]
        TB.discard_rest(unfinished, model, replaced, removed)
        @test !any(startswith(".x"), readdir(models))
        touch_files(unfinished, "newer")
        vanish(one, other) = (rm(one; recursive=true); false)
        @test_throws Base.IOError TB.put_model(unfinished, model, replaced, true, vanish)
        @test readdir(model) == ["new"]  # restored, since there is no new model
        # a script that exits: 0 is success
        touch_files(models, ".y.lock", ".z.lock")
        rm(joinpath(models, "y"); recursive=true)
        for (instance, code) in (("y", nothing), ("z", 0))
            touch_files(models, ".$instance.partial/weights")
            TB.end_training(BackendExplorer(project; model_instance=instance), code)
        end
        @test readdir(models) == ["m", "new", "x", "z"]
        @test isfile(joinpath(models, "z", "weights"))
    end
end

@testset "files that cannot be read, or are in no known format, are reported" begin
    in_lab() do backend, lab
        spine = write_recording(lab)
        write_labels(spine)
        write(joinpath(lab, "old.mat"), "MATLAB 5.0 MAT-file")
        write(joinpath(lab, "x.csv"), "a,b\n")
        write(joinpath(lab, "notes.txt"), "fed")
        write(joinpath(lab, "bouts.csv"), "run,larva,label\n")
        @test_logs((:warn, r"old\.mat: .*found a MATLAB 5 file; save it"),
                   (:warn, r"x\.csv: expected a FIMTrack file"), (:warn, "2 files cannot be read"),
                   (:warn, r"^1 file in no known format: notes\.txt; list the backend's own suffixes"),
                   push(backend, lab))
        @test length(listed(backend)) == 7
        @test_logs push(backend, lab; all_files=true)
        open(io -> println(io, "[tool.taggingbackends]\nsuffixes = [\".TXT\", \".csv\", \".mat\"]"),
             joinpath(backend.project_dir, "pyproject.toml"), "a")
        @test_logs push(backend, lab)
        open(io -> println(io, "suffix = 1"), joinpath(backend.project_dir, "pyproject.toml"), "a")
        @test kind_of(() -> push(backend, lab), "expected suffixes in") == "not-a-backend"
    end
end
