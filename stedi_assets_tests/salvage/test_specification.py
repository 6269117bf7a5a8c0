"""The specification of the salvage: every example of its README is a test."""

import doctest
import re
from typing import get_args

import pytest

import stedi_assets.salvage
from stedi_assets.salvage.columns import SQL_TYPES
from stedi_assets.salvage.reasons import SENTENCES, ReasonCode
from stedi_assets.salvage.values import CONVERTERS, converter
from stedi_assets_tests.support.checkout import PROJECT

SPECIFICATION = (PROJECT / "stedi_assets/salvage/README.md").read_text()

USE, *RULES = re.split(r"^### Rule ", SPECIFICATION.partition("\n## Reasons\n")[0], flags=re.MULTILINE)

REASONS = re.findall(r"^\| `(\w+)` \| (.*) \| (\d+(?:, \d+)*) \|$", SPECIFICATION, re.MULTILINE)


def examples(text: str) -> list[doctest.Example]:
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [example for block in blocks for example in doctest.DocTestParser().get_examples(block)]


@pytest.mark.parametrize("rule", RULES, ids=[rule.partition("\n")[0] for rule in RULES])
def test_the_examples_of_a_rule_give_what_is_printed(rule: str) -> None:
    assert examples(rule)
    test = doctest.DocTest(examples(USE) + examples(rule), {}, "rule", "README.md", None, None)
    report: list[str] = []
    assert not doctest.DocTestRunner(verbose=False).run(test, out=report.append).failed, "".join(report)


def test_the_rules_are_numbered() -> None:
    assert [int(rule.partition(":")[0]) for rule in RULES] == list(range(1, len(RULES) + 1))


def test_every_reason_is_in_the_table_with_its_sentence() -> None:
    assert {code: sentence for code, sentence, _ in REASONS} == {
        code: sentence.format(column="…") for code, sentence in SENTENCES.items()
    }
    assert SENTENCES.keys() == set(get_args(ReasonCode))


@pytest.mark.parametrize(("code", "rules"), [(code, rules) for code, _, rules in REASONS])
def test_every_reason_has_an_example_in_the_rules_that_the_table_names(code: str, rules: str) -> None:
    shown = [
        number for number, rule in enumerate(RULES, 1) if any(f" {code} " in example.want for example in examples(rule))
    ]
    assert set(map(int, rules.split(", "))) <= set(shown)


@pytest.mark.parametrize("sql_type", [*SQL_TYPES, "DECIMAL(5,2)"])
def test_every_column_type_has_a_rule_and_a_conversion(sql_type: str) -> None:
    name = sql_type.partition("(")[0]
    assert any(rule.partition("\n")[0].find(f": {name} takes") > 0 for rule in RULES)
    assert converter(sql_type).from_members


def test_no_other_type_has_a_conversion() -> None:
    assert CONVERTERS.keys() == set(SQL_TYPES)
    with pytest.raises(KeyError):
        converter("DECIMAL")


def test_the_public_names_exist() -> None:
    assert all(hasattr(stedi_assets.salvage, name) for name in stedi_assets.salvage.__all__)
