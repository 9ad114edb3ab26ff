# julia test/quality.jl
#
# Checks by Aqua and JET, in a temporary environment. They need Julia 1.11 or later and a registry, so they are
# not among the files of runtests.jl.

using Pkg
Pkg.activate(; temp=true)
Pkg.develop(PackageSpec(path=dirname(@__DIR__)))
Pkg.add(["Aqua", "JET"])

using Aqua, JET, TaggingBackends, Test

@testset "Aqua" begin
    Aqua.test_all(TaggingBackends; undocumented_names=true)
end

# names that do not exist, and the like; other modes of JET also report what may be wrong with values of type Any
@testset "JET" begin
    JET.test_package(TaggingBackends; target_modules=(TaggingBackends,), mode=:typo)
end
