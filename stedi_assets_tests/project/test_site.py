"""The documentation as a site: `make docs`, what it builds, and what publishes it."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.site import SOURCES, built_site

# One site for all.
pytestmark = pytest.mark.xdist_group("site")

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""From an element to the attribute that names what a browser loads for it."""


@dataclass
class Html(HTMLParser):
    """A page of the site: the anchors it has, where its links lead, and what it loads."""

    text: str
    anchors: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values["id"]} if "id" in values else set()
        self.links |= {values["href"]} if tag == "a" and "href" in values else set()
        self.loaded |= {values[LOADED[tag]]} if LOADED.get(tag) in values else set()


@dataclass(frozen=True)
class Site:
    """The site in a folder."""

    folder: Path
    pages: dict[str, Html]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    built = built_site(tmp_path_factory.mktemp("site"))
    return Site(built, {page.name: Html(page.read_text()) for page in built.glob("*.html") if page.name != "404.html"})


def navigation(entries: list[Any]) -> Iterator[str]:
    """The pages of a part of the navigation."""
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else navigation(value)


def test_the_site_has_the_readme_and_each_page_of_docs_in_its_navigation(site: Site) -> None:
    configuration = tomllib.loads((PROJECT / "zensical.toml").read_text())["project"]
    pages = {page.name for page in (PROJECT / "docs").glob("*.md")}
    assert sorted(navigation(configuration["nav"])) == sorted({*pages, "index.md"})
    assert {page.replace(".html", ".md") for page in site.pages} == {*pages, "index.md"}


def test_every_link_of_the_site_leads_to_an_anchor_of_a_page_or_to_a_source(site: Site) -> None:
    for name, page in site.pages.items():
        for link in page.links:
            path, _, anchor = link.partition("#")
            if link.startswith(SOURCES):
                assert (PROJECT / path.removeprefix(f"{SOURCES}/")).exists(), link
            elif "://" not in link:
                target = (site.folder / path).resolve() if path else site.folder / name
                assert target.is_file(), (name, link)
                assert not anchor or anchor in site.pages[target.name].anchors, (name, link)


def test_a_link_out_of_the_pages_leads_to_the_sources(site: Site) -> None:
    assert f"{SOURCES}/CONTRIBUTING.md" in site.pages["index.html"].links
    assert f"{SOURCES}/deploy/compose.yaml" in site.pages["deploy.html"].links


def test_the_site_loads_no_script_no_style_and_no_font_from_elsewhere(site: Site) -> None:
    loaded = {name for page in site.pages.values() for name in page.loaded}
    assert any(name.endswith(".js") for name in loaded)
    assert [name for name in loaded if not (site.folder / name).is_file()] == []
    for style in site.folder.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text()) == []


def test_main_publishes_the_site_with_links_to_its_commit() -> None:
    workflow = yaml.safe_load((PROJECT / ".github/workflows/pages.yml").read_text())
    # YAML reads the key "on" as true.
    assert workflow[True] == {"push": {"branches": ["main"]}}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    (command,) = [step["run"] for step in job["steps"] if "run" in step]
    assert command == 'make docs SOURCES="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/blob/$GITHUB_SHA"'
    (uploaded,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-pages-artifact@")]
    assert uploaded["with"] == {"path": "build/docs/site"}
    assert job["steps"][-1]["uses"].startswith("actions/deploy-pages@")
