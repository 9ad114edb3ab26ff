"""Find or install a Julia for the tests, and print the path of its executable.

    python test/get_julia.py FOLDER

It tries, in this order: the variable TAGGINGBACKENDS_JULIA; julia on PATH; an earlier installation
in FOLDER; a new installation with juliapkg, if the network allows it; the Julia of Debian 11,
unpacked into FOLDER, if Debian's packages are available.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

# With the libunwind8 of Debian 12, compiled Julia code cannot throw exceptions. So use Debian 11's.
PACKAGES = [
    "julia",
    "julia-common",
    "libjulia1",
    "libllvm9",
    "libunwind8",
    "libdsfmt-19937-1",
    "libgfortran5",
    "libquadmath0",
    "libgit2-1.1",
    "libhttp-parser2.9",
    "libmbedcrypto3",
    "libmbedtls12",
    "libmbedx509-0",
    "libopenlibm3",
    "libutf8proc2",
    "libpcre3",
    "libpcre2-8-0",
    "libffi7",
    "libmpfr6",
    "libgmp10",
    "libssh2-1",
    "libopenblas0-pthread",
    "libedit2",
    "libz3-4",
    "libbsd0",
    "libmd0",
    "patchelf",
]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def main() -> None:
    """Print the path of the first Julia that runs."""
    folder = Path(sys.argv[1]).absolute()
    ways: list[Callable[[Path], str | None]] = [named, on_path, there_already, regular, debian]
    for way in ways:
        try:
            found = way(folder)
            if found is not None:
                subprocess.run([found, "--version"], capture_output=True, check=True)
                print(found)
                return
        except (OSError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"{way.__name__}: {error}\n")
    sys.exit("no Julia found: install it and put it on PATH, or set TAGGINGBACKENDS_JULIA")


def named(folder: Path) -> str | None:
    """Return the Julia in the variable TAGGINGBACKENDS_JULIA."""
    return os.environ.get("TAGGINGBACKENDS_JULIA") or None


def on_path(folder: Path) -> str | None:
    """Return the Julia on PATH."""
    return shutil.which("julia")


def there_already(folder: Path) -> str | None:
    """Return the Julia that an earlier run installed."""
    path = folder / "path"
    return path.read_text().strip() if path.is_file() else None


def regular(folder: Path) -> str | None:
    """Install the current Julia with juliapkg."""
    script = "import juliapkg; juliapkg.resolve(); print(juliapkg.executable())"
    environment = os.environ | {"PYTHON_JULIAPKG_PROJECT": str(folder / "juliapkg")}
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines()
        sys.stderr.write(f"the regular installation: {lines[-1] if lines else 'failed'}\n")
        return None
    return remembered(folder, result.stdout.splitlines()[-1])


def debian(folder: Path) -> str | None:
    """Unpack the packages of Debian 11 and set an RPATH that finds their libraries.

    A variable would also affect processes that Julia starts, such as Python.
    """
    if shutil.which("apt-get") is None or not Path(KEYRING).is_file():
        return None
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for part in ("lists/partial", "cache/archives/partial", "debs"):
            (work / part).mkdir(parents=True)
        asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
        uris = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
        archive = next(uri for uri in uris if uri.rstrip("/").endswith("/debian"))
        (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {archive} bullseye main\n")
        settings = {
            "Dir::Etc::sourcelist": work / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::Lists": work / "lists",
            "Dir::Cache": work / "cache",
            "APT::Sandbox::User": "root",
            "APT::Get::List-Cleanup": "0",
        }
        apt = ["apt-get", "--quiet"]
        apt += [text for key, value in settings.items() for text in ("-o", f"{key}={value}")]
        quietly = {"check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([*apt, "update"], **quietly)  # type: ignore[call-overload]
        wanted = [f"{package}/bullseye" for package in PACKAGES]
        subprocess.run([*apt, "download", *wanted], cwd=work / "debs", **quietly)  # type: ignore[call-overload]
        for package in sorted((work / "debs").glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        libraries = next((folder / "usr" / "lib").glob("*-linux-gnu"))
        places = [libraries, libraries / "julia", libraries / "openblas-pthread"]
        places.append(folder / "lib" / libraries.name)
        patchelf = shutil.copy(folder / "usr" / "bin" / "patchelf", work)
        rpath = ":".join(map(str, places))
        julia = folder / "usr" / "bin" / "julia"
        found = (path for place in (places[0], places[-1]) for path in place.rglob("*.so*"))
        for file in [julia, *(path for path in found if path.is_file())]:
            if not file.is_symlink():
                subprocess.run(
                    [patchelf, "--force-rpath", "--set-rpath", rpath, file],
                    env=os.environ | {"LD_LIBRARY_PATH": str(libraries)},
                    capture_output=True,
                )
    return remembered(folder, str(julia))


def remembered(folder: Path, julia: str) -> str:
    """Store the path for the next run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "path").write_text(f"{julia}\n")
    return julia


if __name__ == "__main__":
    main()
