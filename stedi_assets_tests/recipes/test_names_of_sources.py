"""The modules that another domain replaces are known: no other module names a source of this repository."""

import re

from stedi_assets_tests.support.checkout import PROJECT

OF_THE_DOMAIN = {
    "__init__.py",
    "contract.py",
    "defs/assets/curated.py",
    "defs/assets/trusted.py",
    "defs/checks/consent.py",
    "defs/checks/emptiness.py",
    "defs/checks/specific.py",
    "defs/checks/training.py",
    "landing/sample_counts.py",
    "landing/sample_data.py",
    "landing/sample_days.py",
    "landing/sample_population.py",
    "report/pictures.py",
    "report/questions.py",
}
"""The modules that name the tables of this repository: data, SELECTs, checks of one table, and made-up records."""

NAMES = re.compile(
    r"customer(_(landing|trusted|curated|quarantine|files)|/landing)|accelerometer|step_?trainer|serial_?number", re.I
)


def test_no_other_module_names_a_source_of_this_repository() -> None:
    modules = {
        str(module.relative_to(PROJECT / "stedi_assets")): module.read_text()
        for module in (PROJECT / "stedi_assets").rglob("*.py")
    }
    naming = {name: found[0] for name, text in modules.items() if (found := NAMES.search(text))}
    assert naming.keys() - OF_THE_DOMAIN == set(), naming
