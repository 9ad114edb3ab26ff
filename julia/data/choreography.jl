# Choreography's .spine and .outline files (of the Multi-Worm Tracker). A line is
# `date_time larva_id time x1 y1 x2 y2 ...`: times in seconds, coordinates in mm. There is one file for all larvae,
# or one per larva, whose lines may lack the first two fields.

const FEWEST_POINTS = 3  # of a spine
const STEM = ("date_time", "genotype", "effector", "tracker", "protocol")
const NUMBER_FIELD = r"^[-+]?(\d+[.,]?\d*|[.,]\d+)(e[-+]?\d+)?$"i
const MISSING_FIELD = r"^([-+]?(nan(\([0-9a-z_]*\))?|inf(inity)?|1[.]#[0-9a-z_]+)|na|n/a|null|none)$"i

is_whitespace(byte) = byte == UInt8(' ') || UInt8('\t') <= byte <= UInt8('\r')

"""Return whether a file starts with a field and a number, or with a time alone."""
function is_choreography(head)
    text = join(Char(byte) for byte in head)  # in Latin-1
    return occursin(r"^(?:\xef\xbb\xbf)?[ \t-\r]*(?:[^ \t-\r\0]+[ \t]+[-+.,]*[0-9]|[0-9]+[.,][0-9]+[ \t-\r])", text)
end

function load_choreography(path, spine, outline)
    spine || outline || return load_times(path)
    wanted = [suffix for (suffix, on) in ((".spine", spine), (".outline", outline)) if on]
    left_out, files, tables = String[], String[], Dict{String,Table}()
    chosen = Dict(suffix => part_of(path, suffix) for suffix in wanted)
    others = sort!(basename.(reduce(vcat, (chosen[suffix][2] for suffix in wanted))))
    isempty(others) || push!(left_out, "$(listed(others)), beside $(basename(path))")
    for suffix in wanted
        append!(files, chosen[suffix][1])
        tables[suffix] = read_part(chosen[suffix][1], suffix, left_out)
    end
    first_table = tables[wanted[1]]
    if length(tables) == 2
        check_same_run(first_table, tables[".outline"])
        check_same_end(first_table, tables[".outline"])
        append!(left_out, differences(first_table, tables[".outline"]))
    end
    spine && clean_spines!(tables[".spine"], left_out)
    outline && clean_outlines!(tables[".outline"], left_out)
    larvae = first.(first_table.rows)
    tracks = Dict{Int,Track}(larva => make_track(larva, tables) for larva in larvae)
    runs = [table.run for table in (tables[suffix] for suffix in wanted) if table.run !== nothing]
    run = isempty(runs) ? run_of(path) : first(runs)
    return Recording(run, larvae, tracks, metadata_of(stem_of(path)), "Choreography", files, Labels(), left_out,
                     isempty(runs))
end

"""Return a recording with times only: those of the spines, or of the outlines if there is no file of spines."""
function load_times(path)
    has_spines = any(file -> tracker_suffix(file) == ".spine", recording_files(path))
    recording = load_choreography(path, has_spines, !has_spines)
    for (larva, track) in recording.tracks
        recording.tracks[larva] = Track(track.times)
    end
    return recording
end

"""Return the files of one suffix to load, and other files of this suffix."""
function part_of(path, suffix)
    files = filter(file -> tracker_suffix(file) == suffix, recording_files(path))
    sort!(files; by=!=(path))  # the file that was asked for comes first
    chosen = Dict{Union{Int,Nothing},String}()
    for file in files
        get!(chosen, tracker_name(file)[2], file)
    end
    if haskey(chosen, nothing) && (length(chosen) == 1 || tracker_name(path)[2] === nothing)
        filter!(item -> first(item) === nothing, chosen)
    else
        delete!(chosen, nothing)
    end
    if isempty(chosen)
        missing_file = joinpath(dirname(path), stem_of(path) * suffix)
        throw(TrackFileError("expected this file beside $(basename(path)), found none; add it, or load " *
                             "$(basename(path)) alone with $(suffix[2:end])=false"; file=missing_file))
    end
    part = [chosen[larva] for larva in sort!(collect(keys(chosen)); by=larva -> something(larva, 0))]
    return part, filter(file -> !(file in part), files)
end

"""Return the run of a file whose lines have none: a date_time in its name or its folder's."""
function run_of(path)
    for name in (String(first(split(stem_of(path), "@"))), basename(dirname(abspath(path))))
        occursin(r"^[0-9]{8}_[0-9]{6}$", name) && return name
    end
    return stem_of(path)
end

function metadata_of(stem)
    metadata = OrderedDict{String,Any}()
    parts = split(stem, "@")
    length(parts) < length(STEM) && return metadata
    for (i, name) in enumerate(STEM)
        metadata[name] = String(parts[i])
    end
    return metadata
end

"""What the lines of a file begin with: the number of each of these fields; 0 if there is none."""
struct Layout
    run::Int
    larva::Int
    time::Int
    has_commas::Bool  # in numbers, instead of points
end

function names_of(layout::Layout)
    names = (("date_time", layout.run), ("larva_id", layout.larva), ("time", layout.time))
    return join((name for (name, at) in names if at > 0), " ")
end

"""The lines of one file, or of the files of all larvae."""
struct Table
    file::String
    run::Union{String,Nothing}  # nothing if the lines lack it
    rows::Vector{Pair{Int,Vector{Int}}}  # larva => its rows, in order
    row_of::Dict{Int,Int}  # larva => its position in `rows`
    times::Vector{Float64}
    coordinates::Vector{Float64}  # x1 y1 x2 y2 ... of all rows
    offsets::Vector{Int}  # the number of points before each row
    lengths::Vector{Int}  # the number of points in use of each row
    points::Int  # of a spine; 0 if there is none
    cut::Union{Tuple{String,Int},Nothing}  # a file without a line break at its end, and its last line
    has_missing::Bool  # whether any coordinates are missing
end

rows_of(table, larva) = haskey(table.row_of, larva) ? last(table.rows[table.row_of[larva]]) : Int[]

"""Read the files of all larvae, or the one file of them."""
function read_part(files, suffix, left_out)
    tables = Table[table for table in (read_table(file, suffix, left_out) for file in files) if table !== nothing]
    isempty(tables) && throw(TrackFileError("expected tracks, found an empty file"; file=files[1]))
    empty = length(files) - length(tables)
    empty > 0 && push!(left_out, counted(empty, "empty $suffix file"))
    return length(tables) == 1 ? tables[1] : joined(tables)
end

function joined(tables)
    points = maximum(table.points for table in tables)
    sizes = [table for table in tables if table.points > 0]
    rows, owners = Pair{Int,Vector{Int}}[], Dict{Int,String}()
    offsets, row, point = [0], 0, 0
    for table in tables
        fix = "give files of other runs names that differ before the number"
        check_same_run(tables[1], table, fix)
        if table.points > 0 && table.points != sizes[1].points
            throw(TrackFileError("expected spines of $(sizes[1].points) points, as in the files of other larvae, " *
                                 "found $(table.points)"; file=table.file))
        end
        for (larva, own) in table.rows
            haskey(owners, larva) && throw(TrackFileError("expected larva $larva in one file, found it also in " *
                                                          basename(owners[larva]); file=table.file))
            owners[larva] = table.file
            push!(rows, larva => own .+ row)
        end
        append!(offsets, table.offsets[2:end] .+ point)
        row, point = row + length(table.times), point + table.offsets[end]
    end
    all_of(field) = reduce(vcat, [getfield(table, field) for table in tables])
    first_of(field) = something((getfield(table, field) for table in tables)..., Some(nothing))
    row_of = Dict(larva => i for (i, (larva, _)) in enumerate(rows))
    return Table(tables[1].file, first_of(:run), rows, row_of, all_of(:times), all_of(:coordinates), offsets,
                 all_of(:lengths), points, first_of(:cut), any(table -> table.has_missing, tables))
end

"""Read a file; return nothing if it has no lines."""
function read_table(file, suffix, left_out)
    content = with_line_breaks(read_unchanged(file))
    starts, counts, lines = table_layout(content)
    isempty(starts) && return nothing
    fault(row, problem) = throw(TrackFileError(problem; file=file, line=lines[row]))
    layout = layout_of(file, content, starts[1], counts[1], fault)
    points = suffix == ".spine" ? number_of_points(counts, layout, fault) : 0
    check_counts(suffix, counts, layout, points, fault)
    if layout.run > 0
        for row in 2:length(starts)
            same_field(content, starts[1], starts[row]) && continue
            run, other = field_at(content, starts[1]), field_at(content, starts[row])
            fault(row, "expected run $run in all lines, found $other")
        end
    end
    layout.has_commas && check_commas(content, starts, counts, layout, fault)
    numbers = layout.has_commas ? replace(content, UInt8(',') => UInt8('.')) : content
    offsets = offsets_of(counts, n -> (n - layout.time) ÷ 2)
    larvae, times, coordinates, has_missing, bad = table_numbers(numbers, starts, counts, layout, 2 * offsets[end])
    if bad !== nothing
        row, number, start = bad
        fault(row, "expected a number in field $number, found $(field_at(content, start))")
    end
    is_ended = check_end(content, starts[end], layout, counts[end], fault, length(starts))
    named = tracker_name(file)[2]
    layout.larva == 0 && fill!(larvae, named)
    for row in eachindex(larvae)
        (isinteger(larvae[row]) && 0 <= larvae[row] <= MAX_LARVA_ID) && continue
        layout.larva == 0 && throw(TrackFileError("expected a larva identifier from 0 to $MAX_LARVA_ID in the " *
                                                  "file's name, found $named"; file=file))
        found = field_at(content, layout.larva == 1 ? starts[row] : field_after(content, starts[row]))
        fault(row, "expected a larva identifier from 0 to $MAX_LARVA_ID, found $found")
    end
    run = nothing
    if layout.run > 0
        run = String(content[starts[1]:field_end(content, starts[1]) - 1])
        isvalid(run) || fault(1, "expected a run in UTF-8, found $(field_at(content, starts[1]))")
    end
    n = count(isnan, times)
    n > 0 && push!(left_out, "$(counted(n, "line")) without a time in $(basename(file))")
    n == length(times) && throw(TrackFileError("expected times, found none in any line"; file=file))
    rows, row_of = rows_by_larva(larvae, times)
    if named !== nothing && !haskey(row_of, named)
        found = listed(sort!(collect(keys(row_of))))
        push!(left_out, "the number in the name of $(basename(file)), which has larva $found")
    end
    table = Table(file, run, rows, row_of, times, coordinates, offsets, diff(offsets), points,
                  is_ended ? nothing : (file, lines[end]), has_missing)
    check_increasing(table, fault)
    return table
end

"""Return what lines begin with; lines of one larva's file may lack the run and the larva."""
function layout_of(file, content, start, n, fault)
    fields = String[]
    at = start
    for _ in 1:min(n, 3)
        push!(fields, join(Char(byte) for byte in content[at:field_end(content, at) - 1]))
        at = field_after(content, at)
    end
    larva = tracker_name(file)[2]
    is_number = [occursin(NUMBER_FIELD, field) for field in fields]
    is_id(field) = occursin(r"^[0-9]+$", field)
    is_larva = [is_id(field) && length(field) < 10 && parse(Int, field) == larva for field in fields]
    run_at, larva_at = 1, 2
    if larva === nothing
        # a first number with decimals is a time
        if n > 1 && is_number[1] && !is_id(fields[1]) && !is_id(fields[2])
            fault(1, "expected date_time and larva_id before the time, found $(join(fields, " ")) ...; if all " *
                     "lines are of one larva, name the file <stem>.00001$(suffix_of(file))")
        end
    elseif isodd(n) && is_number[1] && !(n > 1 && is_larva[2] && is_id(fields[1]))
        run_at, larva_at = 0, 0
    elseif iseven(n) && is_larva[1]
        run_at, larva_at = 0, 1
    elseif iseven(n) && !is_number[1]
        run_at, larva_at = 1, 0
    end
    time = max(run_at, larva_at) + 1
    return Layout(run_at, larva_at, time, time <= n && ',' in fields[time])
end

"""Return the content of a file, decompressed if necessary; throw if the file changes while it is read."""
function read_unchanged(file)
    state() = (status = stat(file); (status.device, status.inode, status.size, status.mtime))
    before = state()
    content = read(file)
    if state() == before && length(content) == before[3]
        return is_gzip(content) ? decompressed(file, content) : content
    end
    throw(TrackFileError("expected a complete file, found that it changed while it was read; load it when no " *
                         "program writes to it"; file=file))
end

function decompressed(file, content)
    try
        return gunzip(content)
    catch error
        error isa DamagedGzip || rethrow()
        throw(TrackFileError("expected complete data of gzip, found $(error.found); is the file cut? If it is in " *
                             "order, decompress it with gunzip"; file=file))
    end
end

"""Return a text without byte order mark, in which lines end with a newline."""
function with_line_breaks(content)
    length(content) >= 3 && content[1:3] == UInt8[0xef, 0xbb, 0xbf] && (content = content[4:end])
    findfirst(==(UInt8('\r')), content) === nothing && return content
    is_break(i) = content[i] != UInt8('\r') || i == length(content) || content[i + 1] != UInt8('\n')
    return UInt8[content[i] == UInt8('\r') ? UInt8('\n') : content[i] for i in eachindex(content) if is_break(i)]
end

"""Return the first byte, the number of fields and the line number of each line that is not blank."""
function table_layout(content)
    starts, counts, lines = Int[], Int[], Int[]
    line, start, fields, between = 1, 0, 0, true
    @inbounds for i in eachindex(content)
        byte = content[i]
        if is_whitespace(byte)
            between = true
            if byte == UInt8('\n')
                if fields > 0
                    push!(starts, start)
                    push!(counts, fields)
                    push!(lines, line)
                    fields = 0
                end
                line += 1
            end
        elseif between
            between = false
            fields == 0 && (start = i)
            fields += 1
        end
    end
    if fields > 0
        push!(starts, start)
        push!(counts, fields)
        push!(lines, line)
    end
    return starts, counts, lines
end

"""Return the number of points of the first spine; 0 if there is no spine."""
function number_of_points(counts, layout, fault)
    row = findfirst(>(layout.time), counts)
    row === nothing && return 0
    points, odd = divrem(counts[row] - layout.time, 2)
    odd == 0 && points >= FEWEST_POINTS && return points
    parity = isodd(layout.time) ? "an odd" : "an even"
    return fault(row, "expected $parity number of fields from $(layout.time + 2 * FEWEST_POINTS) " *
                      "($(names_of(layout)) x1 y1 ...), found $(counts[row])")
end

"""Check the number of fields; a line without coordinates has no spine or outline."""
function check_counts(suffix, counts, layout, points, fault)
    if suffix == ".spine"
        n = layout.time + 2 * points
        coordinates = points > 0 ? " x1 y1 ... x$points y$points" : ""
        expected = "$n fields ($(names_of(layout))$coordinates)"
        good = found -> found == n || found == layout.time
    else
        parity = isodd(layout.time) ? "an odd" : "an even"
        expected = "$parity number of fields from $(layout.time) ($(names_of(layout)) x1 y1 x2 y2 ...)"
        good = found -> found >= layout.time && iseven(found - layout.time)
    end
    row = findfirst(!good, counts)
    row === nothing && return nothing
    hint = row == length(counts) ? "; is the file cut?" : ""
    return fault(row, "expected $expected, found $(counts[row])$hint")
end

is_missing(content, at) =
    occursin(MISSING_FIELD, join(byte == UInt8(',') ? '.' : Char(byte) for byte in content[at:field_end(content, at) - 1]))

"""Check that commas are decimal commas: one in each number, before as many decimals."""
function check_commas(content, starts, counts, layout, fault)
    places = Dict{String,Int}()
    for row in eachindex(starts)
        at = starts[row]
        for number in 1:counts[row]
            next = field_end(content, at)
            if number >= layout.time && !is_missing(content, at)
                kind = number == layout.time ? "times" : "coordinates"
                commas = [i for i in at:next - 1 if content[i] == UInt8(',')]
                decimals = isempty(commas) ? 0 : next - 1 - commas[end]
                n = get!(places, kind, decimals)
                length(commas) == 1 && decimals == n ||
                    fault(row, "expected decimal commas before $(counted(n, "decimal")) in all $kind, as in the " *
                               "first line, found $(field_at(content, at)); write numbers with decimal points")
            end
            at = skip_blanks(content, next)
        end
    end
    return nothing
end

"""
Return larvae, times and coordinates of all rows, whether coordinates are missing, and the row, number and first byte
of the first field that is not a number (or nothing). What is missing is NaN.
"""
function table_numbers(content::Vector{UInt8}, starts, counts, layout, n_coordinates)
    larvae = Vector{Float64}(undef, length(starts))
    times = Vector{Float64}(undef, length(starts))
    coordinates = Vector{Float64}(undef, n_coordinates)
    n, has_missing = 0, false
    for row in eachindex(starts)
        at = layout.run > 0 ? field_after(content, starts[row]) : starts[row]
        for number in layout.run + 1:counts[row]
            value, next = number_at(content, at)
            if !isfinite(value)
                if number == layout.larva || !is_missing(content, at)
                    return larvae, times, coordinates, has_missing, (row, number, at)
                end
                has_missing = true
            end
            if number == layout.larva
                larvae[row] = value
            elseif number == layout.time
                times[row] = value
            else
                n += 1
                @inbounds coordinates[n] = value
            end
            at = skip_blanks(content, next)
        end
    end
    return larvae, times, coordinates, has_missing, nothing
end

function skip_blanks(content, at)
    @inbounds while at <= length(content) && is_whitespace(content[at])
        at += 1
    end
    return at
end

function field_end(content, at)
    @inbounds while at <= length(content) && !is_whitespace(content[at])
        at += 1
    end
    return at
end

field_after(content, at) = skip_blanks(content, field_end(content, at))

"""Return a field for a message: in ASCII, shortened."""
function field_at(content, at)
    bytes = content[at:min(field_end(content, at), at + 60) - 1]
    return join(byte < 0x80 ? Char(byte) : "\\x" * string(byte; base=16) for byte in bytes)
end

function same_field(content, a, b)
    @inbounds while true
        one = a <= length(content) && !is_whitespace(content[a])
        other = b <= length(content) && !is_whitespace(content[b])
        one && other || return one == other
        content[a] == content[b] || return false
        a += 1
        b += 1
    end
end

"""
Return the number in a field, correctly rounded, and the end of the field; NaN if it is not a number. Signs,
a decimal point without digits on one side, and exponents are allowed.
"""
function number_at(content::Vector{UInt8}, start)
    at, n = start, length(content)
    digits, exponent = UInt64(0), 0
    some, whole = false, true  # whether there are any digits; whether all of them are in `digits`
    negative = content[start] == UInt8('-')
    @inbounds begin
        (negative || content[at] == UInt8('+')) && (at += 1)
        fraction = false
        while at <= n
            byte = content[at]
            if is_digit(byte)
                some = true
                if digits < 0x0de0b6b3a7640000  # 10^18: one more digit fits into 64 bits
                    digits = 10 * digits + (byte - UInt8('0'))
                    exponent -= fraction
                else
                    whole = false
                    exponent += !fraction
                end
            elseif byte == UInt8('.') && !fraction
                fraction = true
            else
                break
            end
            at += 1
        end
        if some && at <= n && content[at] | 0x20 == UInt8('e')
            at += 1
            below = at <= n && content[at] == UInt8('-')
            (at <= n && content[at] in b"+-") && (at += 1)
            some, power = false, 0
            while at <= n && is_digit(content[at])
                some = true
                power = min(10 * power + (content[at] - UInt8('0')), 100_000)
                at += 1
            end
            exponent += below ? -power : power
        end
        if !some || (at <= n && !is_whitespace(content[at]))
            return NaN, field_end(content, at)
        end
        # digits and power of ten are exact as doubles, so the result is rounded only once
        if whole && digits <= 0x0020000000000000 && -22 <= exponent <= 22
            value = exponent < 0 ? digits / POWERS_OF_TEN[1 - exponent] :
                    digits * POWERS_OF_TEN[1 + exponent]
            return negative ? -value : value, at
        end
    end
    value = tryparse(Float64, String(content[start:at - 1]))  # strtod rounds correctly
    if value === nothing  # out of range: too small, or too large
        value = ndigits(digits) + exponent > 0 ? NaN : negative ? -0.0 : 0.0
    end
    return value, at
end

"""
Return whether the last line ends with a line break. Throw if the file was cut after the line's first fields, or
within its last number, which may still be a valid number.
"""
function check_end(content, start, layout, n, fault, row)
    findnext(==(UInt8('\n')), content, start) === nothing || return true
    n == layout.time && fault(row, "expected coordinates or the line's end, found none; is the file cut?")
    point = layout.has_commas ? ',' : '.'
    numbers = split(String(content[start:end]))[layout.time:end]
    decimals = [length(number) - something(findfirst(point, number), length(number)) for number in numbers]
    usual = decimals[1]
    all(==(usual), decimals[1:end - 1]) && decimals[end] < usual || return false
    return fault(row, "expected a last number with $usual decimals and the line's end, found " *
                      "$(numbers[end]); is the file cut?")
end

function rows_by_larva(larvae, times)
    rows = Pair{Int,Vector{Int}}[]
    row_of = Dict{Int,Int}()
    at, current = 0, -1
    for (row, value) in enumerate(larvae)
        isnan(times[row]) && continue
        larva = Int(value)
        if larva != current  # the lines of a larva usually follow each other
            at = get!(row_of, larva, length(rows) + 1)
            at > length(rows) && push!(rows, larva => Int[])
            current = larva
        end
        push!(last(rows[at]), row)
    end
    return rows, row_of
end

function check_increasing(table, fault)
    for (larva, rows) in table.rows, i in 2:length(rows)
        before, time = table.times[rows[i - 1]], table.times[rows[i]]
        time > before && continue
        fault(rows[i], "expected a time of larva $larva after $(float_text(before)), found " *
                       "$(float_text(time)); are the lines of two larvae under one identifier?")
    end
    return nothing
end

function check_same_run(one, other, fix="")
    (one.run === nothing || other.run === nothing || one.run == other.run) && return nothing
    problem = "expected run $(one.run), as in $(basename(one.file)), found $(other.run)"
    throw(TrackFileError(isempty(fix) ? problem : "$problem; $fix"; file=other.file, line=1))
end

function check_same_end(one, other)
    # an outline may have any number of points, so a cut between two points is not noticed
    for (table, whole) in ((one, other), (other, one))
        table.cut !== nothing && whole.cut === nothing || continue
        file, line = table.cut
        throw(TrackFileError("expected a line break at the end, as $(basename(whole.file)) has, found none; is the " *
                             "file cut?"; file=file, line=line))
    end
    return nothing
end

"""Return what is left out, and which outlines are missing."""
function differences(spines, outlines)
    common = lacking = unused = 0
    lacking_larvae, unused_larvae = Int[], Int[]
    for larva in sort!(collect(union(keys(spines.row_of), keys(outlines.row_of))))
        times, others = spines.times[rows_of(spines, larva)], outlines.times[rows_of(outlines, larva)]
        n = times == others ? length(times) : length(intersect(times, others))
        common += n
        lacking += length(times) - n
        unused += length(others) - n
        n < length(times) && push!(lacking_larvae, larva)
        n < length(others) && push!(unused_larvae, larva)
    end
    common > 0 || throw(TrackFileError("expected larvae and times of $(basename(spines.file)), found none of them";
                                       file=outlines.file))
    of(larvae) = "$(length(larvae) == 1 ? "larva" : "larvae") $(listed(larvae))"
    found = String[]
    lacking > 0 &&
        push!(found, "outlines of $(counted(lacking, "frame")), which are missing ($(of(lacking_larvae)))")
    unused > 0 && push!(found, "outlines of $(counted(unused, "frame")) without a spine ($(of(unused_larvae)))")
    return found
end

"""Return the number of points before each item, and in total."""
function offsets_of(items, points)
    offsets = zeros(Int, length(items) + 1)
    for (i, item) in enumerate(items)
        offsets[i + 1] = offsets[i] + points(item)
    end
    return offsets
end

is_missing_point(table, point) = isnan(table.coordinates[2 * point - 1]) || isnan(table.coordinates[2 * point])

points_of(table, row) = table.offsets[row] + 1:table.offsets[row + 1]

"""Set the length of spines of which a coordinate is missing to 0."""
function clean_spines!(table, left_out)
    table.points > 0 || throw(TrackFileError("expected spines of $FEWEST_POINTS points or more, found none";
                                             file=table.file))
    table.has_missing || return nothing
    partly = 0
    for row in eachindex(table.lengths)
        coordinates = @view table.coordinates[2 * table.offsets[row] + 1:2 * table.offsets[row + 1]]
        any(isnan, coordinates) || continue
        partly += !all(isnan, coordinates)
        table.lengths[row] = 0
    end
    partly > 0 && push!(left_out, "$(counted(partly, "spine")) with missing coordinates")
    return nothing
end

"""Shorten outlines by what is missing at their end; set the length of those with other missing points to 0."""
function clean_outlines!(table, left_out)
    table.has_missing || return nothing
    n = 0
    for row in eachindex(table.lengths)
        points = points_of(table, row)
        last_point = something(findlast(point -> !is_missing_point(table, point), points), 0)
        table.lengths[row] = last_point
        any(point -> is_missing_point(table, point), points[1:last_point]) || continue
        table.lengths[row] = 0
        n += 1
    end
    n > 0 && push!(left_out, "$(counted(n, "outline")) with missing coordinates")
    return nothing
end

function make_track(larva::Int, tables::Dict{String,Table})
    spine = outline = offsets = nothing
    table = get(tables, ".spine", nothing)
    times = Float64[]
    if table !== nothing
        rows = rows_of(table, larva)
        times = table.times[rows]
        spine = spine_of(table, rows)
    end
    outlines = get(tables, ".outline", nothing)
    if outlines !== nothing
        rows = rows_of(outlines, larva)
        others = outlines.times[rows]
        table === nothing && (times = others)
        if times != others
            at = Dict(zip(others, rows))
            rows = [get(at, time, 0) for time in times]
        end
        offsets = offsets_of(rows, row -> row == 0 ? 0 : outlines.lengths[row])
        outline = outline_of(outlines, rows, offsets)
    end
    return Track(times; spine=spine, outline=outline, outline_offsets=offsets)
end

function spine_of(table, rows)
    spine = fill(NaN, length(rows), table.points, 2)
    for (frame, row) in enumerate(rows), point in 1:table.lengths[row], axis in 1:2
        spine[frame, point, axis] = table.coordinates[2 * (table.offsets[row] + point - 1) + axis]
    end
    return spine
end

function outline_of(table, rows, offsets)
    outline = Matrix{Float64}(undef, offsets[end], 2)
    for (frame, row) in enumerate(rows), point in 1:offsets[frame + 1] - offsets[frame], axis in 1:2
        outline[offsets[frame] + point, axis] =
            table.coordinates[2 * (table.offsets[row] + point - 1) + axis]
    end
    return outline
end

# Precompilation makes loading the first recording faster.
precompile(loadtracks, (String,))
precompile(load_choreography, (String, Bool, Bool))
