"""A Dockerfile's own commands, executed without Docker: below a folder, with the Python of the tests.

A COPY copies from the checkout, and a RUN is a shell's in which the folders of the image lie below that folder. This
shows that the commands work and what they install. It shows nothing of the base image or of Debian's packages.
"""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stedi_assets_tests.support.checkout import PROJECT

DOCKERFILE = PROJECT / "deploy/Dockerfile"

FOLDERS_OF_AN_IMAGE = ("/build", "/opt")


@dataclass(frozen=True)
class Stage:
    """A stage of a Dockerfile.

    Attributes:
        parent: The stage or the image that it starts from.
        instructions: The name and the text of each instruction after FROM, comments and line ends removed.
    """

    parent: str
    instructions: tuple[tuple[str, str], ...]


def stages(text: str) -> dict[str, Stage]:
    """Reads a Dockerfile whose every stage has a name."""
    joined = re.sub(r"\\\n", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    instructions = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    found: dict[str, Stage] = {}
    name = ""
    for instruction, words in instructions:
        if instruction == "FROM":
            parent, _, name = words.split()
            found[name] = Stage(parent, ())
        else:
            found[name] = Stage(found[name].parent, (*found[name].instructions, (instruction, words)))
    return found


@dataclass(frozen=True)
class Image:
    """A folder in which a stage was executed."""

    root: Path

    def at(self, path: str) -> Path:
        """Where an absolute path of the image is."""
        return self.root / path.removeprefix("/")


def execute(target: str, root: Path, **arguments: str) -> Image:
    """Executes the COPY and RUN instructions of a stage, after those of the stages that it starts from.

    Args:
        target: The stage.
        root: An empty folder.
        arguments: The values of its ARG instructions that differ from their defaults.
    """
    image = Image(root)
    # What the base image has: a Python with pip.
    venv.create(image.at("/usr"), with_pip=True)
    variables = {"HOME": str(root), "PATH": os.pathsep.join([str(image.at("/usr/bin")), os.environ["PATH"]])}
    inherited = {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()
    }
    folder = image.root
    for instruction, words in _instructions(target):
        if instruction == "WORKDIR":
            folder = image.at(words)
            folder.mkdir(parents=True, exist_ok=True)
        elif instruction == "ARG":
            name, _, default = words.partition("=")
            variables[name] = arguments.get(name, default)
        elif instruction == "COPY":
            *sources, place = words.split()
            for source in sources:
                _copy(PROJECT / source, folder / place)
        elif instruction == "RUN":
            _run(_relocated(words, image), folder, {**inherited, **variables})
    return image


def _instructions(target: str) -> Iterator[tuple[str, str]]:
    found = stages(DOCKERFILE.read_text())
    stage = found[target]
    if stage.parent in found:
        yield from _instructions(stage.parent)
    yield from stage.instructions


def _copy(source: Path, place: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, place)


def _relocated(command: str, image: Image) -> str:
    folders = "|".join(FOLDERS_OF_AN_IMAGE)
    return re.sub(rf"(?<![\w.])(?={folders})", str(image.root), command)


def _run(command: str, folder: Path, variables: dict[str, str]) -> None:
    finished = subprocess.run(
        ["sh", "-euc", command], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        sys.exit(f"{command}\n{finished.stdout}{finished.stderr}")
