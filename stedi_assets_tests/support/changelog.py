"""CHANGELOG.md as sections, and the text of a release.

`python -m stedi_assets_tests.support.changelog v0.1.0` prints what the changelog says about the version of a tag. It
fails where the tag, pyproject.toml and the changelog name different versions, and where changes are still unreleased.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import date

from stedi_assets_tests.support.checkout import PROJECT

HEADING = re.compile(r"^## (?:Unreleased|(?P<version>\d+\.\d+\.\d+) - (?P<date>\d{4}-\d\d-\d\d))\n", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """What one version changed.

    Attributes:
        version: Its number, or None of what no version has yet.
        released: The day of the version.
        text: The changes, in Markdown.
    """

    version: str | None
    released: date | None
    text: str


def sections(changelog: str) -> list[Section]:
    """The sections of a changelog, newest first.

    Raises:
        ValueError: A heading has another form.
    """
    headings = list(HEADING.finditer(changelog))
    if len(headings) != len(re.findall(r"^## ", changelog, re.MULTILINE)):
        raise ValueError("A heading of CHANGELOG.md has neither the form 'Unreleased' nor '0.1.0 - 2026-01-31'.")
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    return [
        Section(
            heading["version"],
            date.fromisoformat(heading["date"]) if heading["date"] else None,
            changelog[heading.end() : end].strip(),
        )
        for heading, end in zip(headings, ends, strict=True)
    ]


def release_notes(tag: str, version: str, changelog: str) -> str:
    """What the changelog says about the version of a tag.

    Args:
        tag: Such as v0.1.0.
        version: That of pyproject.toml.
        changelog: The text of CHANGELOG.md.

    Raises:
        ValueError: The three name different versions, or changes are still unreleased.
    """
    if tag != f"v{version}":
        raise ValueError(f"The tag is {tag}, and the version in pyproject.toml {version}: tag v{version}.")
    found = sections(changelog)
    if any(section.version is None and section.text for section in found):
        raise ValueError("CHANGELOG.md has unreleased changes: give them a version, and pyproject.toml the same.")
    for section in found:
        if section.version == version and section.text:
            return section.text
    raise ValueError(f"CHANGELOG.md says nothing about {version}: add a section '{version} - DATE'.")


def main(tag: str) -> None:
    """Prints the text of a release.

    Args:
        tag: Such as v0.1.0.
    """
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    try:
        print(release_notes(tag, version, (PROJECT / "CHANGELOG.md").read_text()))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
