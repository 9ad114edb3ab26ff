"""Find or install Chromium and its driver for the tests, and print the browser's path.

    python test/get_chromium.py FOLDER

It tries, in this order: the variable TAGGINGBACKENDS_CHROMIUM; chromium on PATH; an earlier
installation in FOLDER; Debian's packages, installed if the user is root, otherwise unpacked into
FOLDER. The driver, chromedriver, must be beside the browser or on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PACKAGES = ["chromium", "chromium-driver", "fonts-dejavu-core"]  # without a font, no text is shown


def main() -> None:
    """Print the path of the first Chromium that shows a page."""
    folder = Path(sys.argv[1]).absolute()
    ways: list[Callable[[Path], str | None]] = [named, on_path, there_already, installed, unpacked]
    for way in ways:
        try:
            found = way(folder)
            if found is not None and runs(found):
                print(found)
                return
        except (OSError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"{way.__name__}: {error}\n")
    sys.exit("no Chromium found: install it with chromedriver, or set TAGGINGBACKENDS_CHROMIUM")


def runs(chromium: str) -> bool:
    """Return whether a browser shows a page and has a driver that starts."""
    beside = Path(chromium).with_name("chromedriver")
    driver = str(beside) if beside.is_file() else shutil.which("chromedriver")
    if driver is None or subprocess.run([driver, "--version"], capture_output=True).returncode:
        return False
    with tempfile.TemporaryDirectory() as profile:
        quietly = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        page = [chromium, *quietly, "--dump-dom", "data:text/html,<p>shown</p>"]
        result = subprocess.run(page, capture_output=True, text=True, timeout=120)
    return "<p>shown</p>" in result.stdout


def named(folder: Path) -> str | None:
    """Return the Chromium in the variable TAGGINGBACKENDS_CHROMIUM."""
    return os.environ.get("TAGGINGBACKENDS_CHROMIUM") or None


def on_path(folder: Path) -> str | None:
    """Return the Chromium on PATH."""
    return shutil.which("chromium")


def there_already(folder: Path) -> str | None:
    """Return the Chromium that an earlier run unpacked."""
    path = folder / "chromium"
    return str(path) if path.is_file() else None


def installed(folder: Path) -> str | None:
    """Install Chromium with Debian's package manager, which needs root."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None
    quietly = {
        "check": True,
        "stdout": sys.stderr,
        "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    }
    apt = ["apt-get", "--quiet", "--quiet"]
    subprocess.run([*apt, "update"], **quietly)  # type: ignore[call-overload]
    install = [*apt, "install", "--yes", "--no-install-recommends", *PACKAGES]
    subprocess.run(install, **quietly)  # type: ignore[call-overload]
    return on_path(folder)


def unpacked(folder: Path) -> str | None:
    """Unpack the missing Debian packages and write scripts that start them."""
    if shutil.which("apt-get") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for part in ("lists/partial", "cache/archives/partial", "debs"):
            (work / part).mkdir(parents=True)
        apt = ["apt-get", "--quiet", "-o", f"Dir::State::Lists={work / 'lists'}"]
        apt += ["-o", f"Dir::Cache={work / 'cache'}", "-o", "Debug::NoLocking=1"]
        subprocess.run([*apt, "update"], check=True, stdout=subprocess.DEVNULL)
        wanted = ["--simulate", "--no-install-recommends", "install", *PACKAGES]
        printed = subprocess.run([*apt, *wanted], check=True, capture_output=True, text=True).stdout
        missing = [line.split()[1] for line in printed.splitlines() if line.startswith("Inst ")]
        if not missing:
            return None  # all packages are installed, but do not work
        download = [*apt, "download", *missing]
        subprocess.run(download, check=True, cwd=work / "debs", stdout=subprocess.DEVNULL)
        for package in sorted((work / "debs").glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    libraries = [path for path in (folder / "usr" / "lib").glob("*-linux-gnu*") if path.is_dir()]
    places = ":".join(str(path) for top in libraries for path in (top, *top.glob("*/")))
    fonts = folder / "fonts.conf"
    fonts.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{folder / 'usr/share/fonts'}</dir><dir>/usr/share/fonts</dir>"
        f"<cachedir>{folder / 'fonts-cache'}</cachedir></fontconfig>"
    )
    for program, file in (
        ("chromium", "usr/lib/chromium/chromium"),
        ("chromedriver", "usr/bin/chromedriver"),
    ):
        script = folder / program
        script.write_text(
            f"#!/bin/sh\nexport LD_LIBRARY_PATH='{places}' FONTCONFIG_FILE='{fonts}'\n"
            f"exec '{folder / file}' \"$@\"\n"
        )
        script.chmod(0o755)
    return str(folder / "chromium")


if __name__ == "__main__":
    main()
