"""Include the Julia package in the wheel. Editable installations use that of the checkout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class JuliaPackage(BuildHookInterface[Any]):
    """A build hook that adds ``taggingbackends/_julia`` and a juliapkg.json that points to it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, except in an editable installation."""
        self._generated = TemporaryDirectory()
        if version == "editable":
            return
        root = Path(self.root)
        sources = [root / "Project.toml", root / "src/TaggingBackends.jl"]
        for source in [*sources, *sorted((root / "julia").rglob("*.jl"))]:
            target = f"taggingbackends/_julia/{source.relative_to(root).as_posix()}"
            build_data["force_include"][str(source)] = target
        settings = json.loads((root / "src/taggingbackends/juliapkg.json").read_text("utf-8"))
        settings["packages"]["TaggingBackends"]["path"] = "_julia"
        generated = Path(self._generated.name, "juliapkg.json")
        generated.write_text(json.dumps(settings, indent=2) + "\n", "utf-8", newline="\n")
        build_data["force_include"][str(generated)] = "taggingbackends/juliapkg.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the generated file and the bytecode of this module."""
        self._generated.cleanup()
        shutil.rmtree(Path(self.root, "__pycache__"), ignore_errors=True)
