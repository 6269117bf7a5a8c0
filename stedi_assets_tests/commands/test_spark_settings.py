"""The settings of Spark, which need no Spark to be checked."""

import pytest

from stedi_assets.errors import StediError
from stedi_assets.settings import read_settings


@pytest.mark.parametrize("text", ["8g", "[]", '{"a": {}}', "{"])
def test_options_of_spark_that_are_not_a_json_object_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STEDI_SPARK_CONF", text)
    with pytest.raises(StediError, match=r"STEDI_SPARK_CONF=.* is not legal: it is not a JSON object"):
        read_settings()


def test_options_of_spark_are_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_SPARK_CONF", '{"a": true, "b": 2, "c": "d"}')
    assert read_settings().spark_conf == {"a": "true", "b": "2", "c": "d"}
