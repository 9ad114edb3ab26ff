            raise JuliaSetupError("missing-julia", problem)
        return found
    found = shutil.which("julia") or _juliapkgs_julia()
    if found is None:
        problem = (
            "a script in Julia needs Julia, and none was found: install it (https://julialang.org) "
            f"so that julia is on the PATH, or name it in the environment variable {JULIA}"
        )
        raise JuliaSetupError("missing-julia", problem)
    return found


def _juliapkgs_julia() -> str | None:
