"""What a release says and does: the changelog, and the workflow that publishes it."""

import re
import tomllib
from datetime import date

import pytest
import yaml

from stedi_assets_tests.support.changelog import Section, release_notes, sections
from stedi_assets_tests.support.checkout import PROJECT

CHANGELOG = (PROJECT / "CHANGELOG.md").read_text()
VERSION: str = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
RELEASED = "# Changelog\n\n## 0.2.0 - 2026-02-01\n\n- Two.\n- Three.\n\n## 0.1.0 - 2026-01-31\n\n- One.\n"


def test_the_changelogs_versions_are_in_order_and_the_newest_is_that_of_the_project() -> None:
    unreleased = [place for place, section in enumerate(sections(CHANGELOG)) if section.version is None]
    versions = [section for section in sections(CHANGELOG) if section.version is not None]
    assert unreleased in ([], [0])
    assert versions[0].version == VERSION
    numbers = [[int(part) for part in str(section.version).split(".")] for section in versions]
    assert numbers == sorted(numbers, reverse=True)
    days = [section.released for section in versions if section.released]
    assert days == sorted(days, reverse=True)
    assert days[0] <= date.today()


def test_the_changelog_groups_changes_by_kind() -> None:
    for section in sections(CHANGELOG):
        kinds = re.findall(r"^### (.*)$", section.text, re.MULTILINE)
        assert section.text.startswith("### ")
        assert kinds == [kind for kind in ("Added", "Changed", "Removed", "Fixed", "Security") if kind in kinds]


def test_a_release_says_what_its_section_of_the_changelog_says() -> None:
    assert sections(RELEASED)[0] == Section("0.2.0", date(2026, 2, 1), "- Two.\n- Three.")
    assert release_notes("v0.2.0", "0.2.0", RELEASED) == "- Two.\n- Three."


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "message"),
    [
        ("v0.3.0", "0.2.0", RELEASED, "The tag is v0.3.0, and the version in pyproject.toml 0.2.0"),
        ("0.2.0", "0.2.0", RELEASED, "The tag is 0.2.0"),
        ("v0.3.0", "0.3.0", RELEASED, "CHANGELOG.md says nothing about 0.3.0"),
        ("v0.2.0", "0.2.0", RELEASED.replace("- Two.\n- Three.", ""), "CHANGELOG.md says nothing about 0.2.0"),
        ("v0.2.0", "0.2.0", f"## Unreleased\n\n- Four.\n\n{RELEASED}", "CHANGELOG.md has unreleased changes"),
        ("v0.2.0", "0.2.0", RELEASED.replace("2026-01-31", "January"), "A heading of CHANGELOG.md has neither"),
    ],
)
def test_a_release_of_another_version_or_without_a_text_is_refused(
    tag: str, version: str, changelog: str, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        release_notes(tag, version, changelog)


def test_a_tag_publishes_what_was_checked_and_tried_before() -> None:
    # YAML reads the key `on` as true.
    workflow = yaml.safe_load((PROJECT / ".github/workflows/release.yml").read_text())
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["release"]["permissions"] == {"contents": "write"}
    commands = [step["run"] for step in workflow["jobs"]["release"]["steps"] if "run" in step]
    checked, tried, published = commands
    assert checked.startswith("python -m stedi_assets_tests.support.changelog ")
    assert tried == "make wheel"
    assert re.match(r"gh release create .* dist/\* .*--notes-file", published)
