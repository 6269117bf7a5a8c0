"""`stedi ddl`, run in this process."""

from click.testing import CliRunner, Result

from stedi_assets.cli import main

RAW_COUNTS = {"customer_files": 956, "accelerometer_files": 81_273, "step_trainer_files": 28_680}


def ddl(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(main, ["ddl", *arguments], env=variables)


def statement(name: str, dialect: str, **variables: str) -> str:
    result = ddl(name, "--dialect", dialect, **variables)
    assert result.exit_code == 0, result.output
    return result.stdout
