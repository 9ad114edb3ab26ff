# Server for benchmarks/julia.py. Runs `read PATH`, `write PATH`, or `OPERATION N` on a label file with N names, and
# prints seconds and allocations.

using TaggingBackends

kept = Labels()

"""Return a recording of a larva, and its labels: another one in each of n frames."""
function named(n)
    times, labels = collect(0:n - 1) ./ 10, Labels()
    setlabels!(labels, "run", 1, times, ["name $i" for i in 1:n])
    track = Track(times; spine=zeros(n, 2, 2))
    return Recording("run", [1], Dict(1 => track), labels["run"].metadata, "Choreography", String[], labels), labels
end

inputs = Dict{Int,Tuple{Recording,Labels,String}}()

function input(n)
    return get!(inputs, n) do
        recording, labels = named(n)
        path = tempname() * ".label"
        writelabels(path, labels)
        return recording, labels, path
    end
end

operations = Dict(
    "reading" => (recording, labels, path) -> readlabels(path),
    "writing" => (recording, labels, path) -> writelabels(path, labels),
    "declaring" => (recording, labels, path) -> declarelabels!(labels["run"], labels["run"].names),
    "bouts" => (recording, labels, path) -> tobouts(labels),
    "comparing" => (recording, labels, path) -> comparefiles(path, path),
    "windows" => (recording, labels, path) -> windows(recording, labels; duration=0.1, framerate=10),
)

cpu_seconds() = ccall(:clock, Clong, ()) / 1e6

function grow(operation, n)
    arguments = input(n)
    GC.gc()
    start = cpu_seconds()
    operations[operation](arguments...)
    return cpu_seconds() - start, 0
end

function measure(command, path)
    global kept
    GC.gc()
    if command == "read"
        measured = @timed readlabels(path)
        kept = measured[1]
    else
        measured = @timed writelabels(path, kept)
    end
    allocations = Base.gc_alloc_count(measured[5])
    return measured[2], allocations
end

for line in eachline(stdin)
    command, argument = split(line, ' '; limit=2)
    measured = haskey(operations, command) ? grow(command, parse(Int, argument)) : measure(command, String(argument))
    println(join(measured, ' '))
    flush(stdout)
end
