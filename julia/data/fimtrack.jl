# FIMTrack's tables (version 2): features of larvae in pixels, one row per feature and frame. Options, outlines
# and verdicts are those of Python; see section 7 of docs/contract.md.

const FRAMERATE = 30.0  # frames/s, FIMTrack's default
const BOOLEANS = ("is_coiled", "is_well_oriented", "in_collision", "go_phase", "left_bended", "right_bended")
const ENDS = ("head_x", "head_y", "tail_x", "tail_y")
const SPINEPOINT = r"^spinepoint_([1-9][0-9]{0,2})_[xy]$"
const RADIUS = r"^radius_([1-9][0-9]{0,2})$"
const LARGEST = 1e9  # of coordinates in pixels, and of options; far from an overflow of products
const NO_LENGTH = 1e-12  # vectors up to this length (mm, or sums of unit vectors) are rounding errors

function load_fimtrack(path; spine=true, outline=true, framerate=nothing, pixelsize=nothing, radii=nothing)
    framerate = positive(path, something(framerate, FRAMERATE), "framerate", "frames/s")
    has_points = spine || outline
    pixelsize === nothing && has_points &&
        throw(TrackFileError("expected the size of a pixel, which is not in the table, found none; give it in µm " *
                             "with the option pixelsize, or as metadata.camera.pixelsize of a label file that " *
                             "depends on this table"; file=path, key="pixelsize"))
    pixelsize === nothing || (pixelsize = positive(path, pixelsize, "pixelsize", "µm"))
    given = given_radii(path, radii)
    larvae, features, omitted = read_features(path, name -> is_of_use(name, given), BOOLEANS)
    count = maximum([0; point_number.(keys(features))])  # spine points between head and tail
    parts = ["head"; ["spinepoint_$k" for k in 1:count]; "tail"]
    names = ["$(part)_$axis" for part in parts for axis in "xy"]
    check_features(path, names, features)
    check_radii(path, given, features, count, outline)

    needed = [names; filter(name -> haskey(features, name), ["radius_$k" for k in 1:count])]
    cells = common_cells([features[name].cells for name in needed])
    isempty(cells) && throw(TrackFileError("expected a frame of a larva with all coordinates and radii, found none";
                                           file=path, key=needed[1]))
    append!(omitted, incomplete(larvae, cells, [features[name].cells for name in needed]))
    scale = pixelsize
    coordinates = [pixels(path, name, features[name], cells, larvae) .* scale ./ 1000
                   for name in (has_points ? names : ())]
    booleans = Dict(name => values_at(features[name], cells) .> 0 for name in BOOLEANS if haskey(features, name))
    widths = outline ? [(haskey(given, k) ? fill(given[k], length(cells)) :
                         pixels(path, "radius_$k", features["radius_$k"], cells, larvae)) .* scale ./ 1000
                        for k in 1:count] : Vector{Float64}[]

    rows_of_larva = [Int[] for _ in larvae]
    for (row, cell) in enumerate(cells)
        push!(rows_of_larva[cell % length(larvae) + 1], row)
    end
    kept = Int[]
    tracks = Dict{Int,Track}()
    for (larva, rows) in zip(larvae, rows_of_larva)
        isempty(rows) && continue
        push!(kept, larva)
        points = Array{Float64,3}(undef, length(rows), length(parts), 2)
        for (i, values) in enumerate(coordinates)
            points[:, (i + 1) ÷ 2, isodd(i) ? 1 : 2] = values[rows]
        end
        contours = outline ? outlines(points, [width[rows] for width in widths]) : nothing
        n = 2 * length(parts) - 2
        tracks[larva] = Track([cells[row] ÷ length(larvae) for row in rows] ./ framerate;
                              spine=spine ? points : nothing, outline=contours,
                              outline_offsets=outline ? collect(0:n:n * length(rows)) : nothing,
                              indicators=Dict(name => Vector{Bool}(values[rows]) for (name, values) in booleans))
    end
    folder = basename(dirname(abspath(path)))
    run = occursin(r"^[0-9]{8}_[0-9]{6}$", folder) ? folder : stem_of(path)
    camera = OrderedDict{String,Any}("framerate" => framerate)
    pixelsize === nothing || (camera["pixelsize"] = pixelsize)
    return Recording(run, kept, tracks, OrderedDict{String,Any}("camera" => camera), "FIMTrack", [path], Labels(),
                     omitted, true)
end

"""Return the options of FIMTrack's tables that the metadata of a label file gives."""
function fimtrack_options(metadata)
    part(key) = (value = get(metadata, key, nothing); value isa AbstractDict ? value : Dict{String,Any}())
    camera, overrides = part("camera"), part("overrides")
    options = Dict{Symbol,Any}(Symbol(key) => camera[key] for key in ("framerate", "pixelsize")
                               if haskey(camera, key))
    radii = Dict(parse(Int, match(RADIUS, key)[1]) => value for (key, value) in overrides if occursin(RADIUS, key))
    isempty(radii) || (options[:radii] = radii)
    return options
end

# -- options

function positive(path, value, key, unit; zero=false)
    if value isa Real && !(value isa Bool) && (1 / LARGEST <= value <= LARGEST || (zero && value == 0))
        return Float64(value)
    end
    throw(TrackFileError("expected a number of $unit, $(zero ? "0 or" : "from") 1e-09 to 1e+09, found " *
                         "$(shown(value)); fix the option or the label file's metadata"; file=path, key=key))
end

function given_radii(path, radii)
    pairs = radii === nothing ? () : radii isa AbstractDict ? radii : enumerate(radii)
    return Dict{Int,Float64}(k => positive(path, radius, "radius_$k", "pixels"; zero=true)
                             for (k, radius) in pairs if radius !== nothing)
end

function is_of_use(name, given)
    radius = match(RADIUS, name)
    radius === nothing || return !haskey(given, parse(Int, radius[1]))
    return name in ENDS || name in BOOLEANS || occursin(SPINEPOINT, name)
end

point_number(name) = (found = match(SPINEPOINT, name); found === nothing ? 0 : parse(Int, found[1]))

function check_radii(path, given, features, count, outline)
    for k in sort!(collect(keys(given)))
        1 <= k <= count || throw(TrackFileError("expected radii of spine points 1 to $count, found one of $k";
                                                file=path, key="radii"))
    end
    outline || return nothing
    names = ["radius_$k" for k in 1:count if !haskey(given, k)]
    return check_features(path, names, features,
                          "; give radii, in pixels, or load the spines alone with outline=false")
end

function check_features(path, names, features, fix="; is the file cut?")
    for name in names
        haskey(features, name) ||
            throw(TrackFileError("expected rows $name(frame), found none$fix"; file=path, key=name))
    end
end

# -- cells

"""Return the cells that all features have."""
function common_cells(all_cells)
    common = first(all_cells)
    for cells in all_cells
        common == cells || (common = common[[!isempty(searchsorted(cells, cell)) for cell in common]])
    end
    return common
end

"""Return the values of some cells, 0 for empty ones."""
function values_at(feature, cells)
    feature.cells == cells && return feature.values
    return [(found = searchsorted(feature.cells, cell); isempty(found) ? 0.0 : feature.values[first(found)])
            for cell in cells]
end

function pixels(path, name, feature, cells, larvae)
    values = values_at(feature, cells)
    for (cell, value) in zip(cells, values)
        abs(value) <= LARGEST ||
            throw(TrackFileError("expected pixels from -1e+09 to 1e+09, found $(float_text(value)) for larva " *
                                 "$(larvae[cell % length(larvae) + 1])"; file=path, key=name))
    end
    return values
end

"""Return what is left out: frames in which a larva has only some values, and whole larvae."""
function incomplete(larvae, complete, all_cells)
    omitted = String[]
    column(cell) = cell % length(larvae) + 1
    if any(cells -> cells != complete, all_cells)
        partly = setdiff(sort!(unique(reduce(vcat, all_cells))), complete)
        if !isempty(partly)
            some = larvae[sort!(unique(column.(partly)))]
            push!(omitted, counted(length(partly), "frame in which a larva", "frames in which a larva") *
                           " lacks a coordinate or radius (larva $(listed(some)))")
        end
    end
    missing_larvae = larvae[setdiff(eachindex(larvae), column.(complete))]
    isempty(missing_larvae) ||
        push!(omitted, counted(length(missing_larvae), "larva", "larvae") * " without a complete frame " *
                       "($(listed(missing_larvae)))")
    return omitted
end

# -- outlines

"""
Return outlines computed from spines (n x k + 2 x 2) and k radii per frame, in mm: head, left points from head to
tail, tail, right points from tail to head. See `_outlines` in Python's `fimtrack`.
"""
function outlines(spines, radii)
    n, points, _ = size(spines)
    size_of_one = 2 * points - 2
    found = Matrix{Float64}(undef, n * size_of_one, 2)
    for frame in 1:n
        start = (frame - 1) * size_of_one
        point(i) = (spines[frame, i, 1], spines[frame, i, 2])
        put(i, (x, y)) = (found[start + i, 1] = x; found[start + i, 2] = y)
        put(1, point(1))
        put(points, point(points))
        for i in 2:points - 1
            before, after = unit(point(i) .- point(i - 1)), unit(point(i + 1) .- point(i))
            x, y = unit(before .+ after)
            offset = (y, -x) .* radii[i - 1][frame]
            put(i, point(i) .+ offset)
            put(size_of_one + 2 - i, point(i) .- offset)
        end
    end
    return found
end

"""Return a vector scaled to length 1; a vector of length 0 stays 0."""
function unit((x, y))
    # the sum of opposite directions is 0 except for rounding errors
    len = sqrt(x * x + y * y)
    return len > NO_LENGTH ? (x / len, y / len) : (0.0, 0.0)
end
