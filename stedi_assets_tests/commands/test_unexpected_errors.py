"""Exceptions that nobody foresaw: one line of what, where and how to learn more; a stack trace for who asks for it."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from stedi_assets_tests.support.broken import with_broken_assets
from stedi_assets_tests.support.checkout import PROJECT, cloned
from stedi_assets_tests.support.commands import Finished, run

KEY = "00112233445566778899aabbccddeeff" * 2

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/bPxRfiCY",
    "AWS_SESSION_TOKEN": "Token+Of/A.Session",
    "STEDI_PSEUDONYM_KEY": KEY,
}

REMEDY = "For the stack trace, run stedi run --debug, or see the run's page in Dagster."

CASES = {
    "plain": ("raise ValueError('no such thing')", "ValueError: no such thing"),
    "without_message": ("raise ZeroDivisionError", "ZeroDivisionError"),
    "with_newlines": ("raise ValueError('one\\n\\n  two\\r\\nthree\\n')", "ValueError: one two three"),
    "that_steers_a_terminal": ("raise ValueError('\\x1b[2Jgone')", r"ValueError: \x1b[2Jgone"),
    "with_what_rich_takes_for_its_own": ("raise ValueError('[bold]a[/] :x:')", "ValueError: [bold]a[/] :x:"),
    "from_another": ("raise RuntimeError('outer') from KeyError('inner')", "KeyError: 'inner'"),
    "of_a_class_that_has_the_name_of_ours": (
        "raise type('ConflictError', (Exception,), {})('no ada@example.com here')",
        "user_assets.ConflictError: no *** here",
    ),
    "with_an_email": ("raise ValueError('no ada.l+1@example.com here')", "ValueError: no *** here"),
    "with_a_uuid": ("raise KeyError('793a3d45-c319-46e6-9b92-dd050f448c8d')", "KeyError: '***'"),
    "with_a_serial_number": ("raise KeyError('SN_0042-17-A')", "KeyError: '***'"),
    "with_a_phone": ("raise ValueError('call +1 (206) 555-0100 or 2065550101')", "ValueError: call *** or ***"),
    "with_an_instant": ("raise ValueError('after 1709647608795, line 12')", "ValueError: after ***, line 12"),
    "with_a_birthday": ("raise ValueError('born 1980-02-03 or 03.02.1980')", "ValueError: born *** or ***"),
    "with_a_record": (
        """raise ValueError('{"customerName": "Ada Example", "z": 1.5, "user": ada}')""",
        """ValueError: {"customerName": ***, "z": 1.5, "user": ***}""",
    ),
    "with_secrets": (
        "import os; raise ValueError(' '.join(os.environ[name] for name in "
        f"{[*SECRETS]}) + ' ' + os.environ['STEDI_PSEUDONYM_KEY'].upper())",
        "ValueError: *** *** *** *** ***",
    ),
    "with_a_long_message": ("raise ValueError('x y ' * 1_000_000)", f"ValueError: {'x y ' * 246}x y…"),
}

DEEPER = {
    "deeper": ("fail()", "LookupError: deep down", "user_assets.py", "fail"),
    "in_a_library": (
        "json.loads('{')",
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "user_assets.py",
        "in_a_library",
    ),
    "of_the_project": (
        "from stedi_assets.privacy.pseudonyms import Pseudonyms; Pseudonyms()(None)",
        "AttributeError: 'NoneType' object has no attribute 'encode'",
        "stedi_assets/privacy/pseudonyms.py",
        "__call__",
    ),
}


def failures(finished: Finished) -> dict[str, str]:
    """The lines after the table, by asset."""
    lines = (line.partition(": ") for line in finished.output.splitlines())
    return {step: text for step, _, text in lines if re.fullmatch(r"\w+|The run", step)}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with assets of a user's."""
    bodies = {**{name: body for name, (body, _) in CASES.items()}, **{name: case[0] for name, case in DEEPER.items()}}
    return with_broken_assets(tmp_path_factory.mktemp("broken") / "checkout", bodies)


def run_selected(checkout: Path, select: str, *options: str, **variables: str) -> Finished:
    return run("stedi", "run", "--select", select, *options, folder=checkout, PYTHONPATH=str(checkout), **variables)


@pytest.fixture(scope="module")
def broken(checkout: Path) -> Finished:
    """A run in which every asset fails."""
    return run_selected(checkout, "group:broken", **SECRETS)


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, (_, said) in CASES.items()], ids=CASES.keys())
def test_what_an_asset_raises_is_one_line_of_its_cause_without_personal_values(
    broken: Finished, checkout: Path, name: str, said: str
) -> None:
    assert broken.exit_code == 1
    line = failures(broken)[name]
    place = re.escape(f"{checkout}/user_assets.py") + rf":\d+ in {name}"
    assert re.fullmatch(rf"{re.escape(said)} \({place}\)\. {re.escape(REMEDY)}", line), line


@pytest.mark.parametrize(("name", "case"), DEEPER.items(), ids=DEEPER.keys())
def test_the_place_is_the_innermost_line_that_a_user_can_change(
    broken: Finished, checkout: Path, name: str, case: tuple[str, str, str, str]
) -> None:
    _, said, file, function = case
    line = failures(broken)[name]
    assert re.match(rf"{re.escape(said)} \({re.escape(f'{checkout}/{file}')}:\d+ in {function}\)\.", line), line


def test_nothing_but_the_table_and_a_line_for_each_failure_is_printed(broken: Finished) -> None:
    assert "Traceback" not in broken.output
    assert "Error occurred while executing op" not in broken.output
    _, *after, verdict = broken.output.partition("seconds in all")[2].strip().splitlines()
    assert len(after) == len(CASES) + len(DEEPER)
    assert verdict.startswith("FAILED: ")


def test_a_check_that_raises_is_one_line(checkout: Path) -> None:
    finished = run_selected(checkout, "group:broken_check")
    assert finished.exit_code == 1
    assert re.match(
        rf"LookupError: deep down \({checkout}/user_assets\.py:\d+ in fail\)\.", failures(finished)["built_is_checked"]
    )


def test_a_resource_that_cannot_be_made_is_one_line(checkout: Path) -> None:
    finished = run_selected(checkout, "key:needs_resource")
    assert finished.exit_code == 1
    assert re.match(
        rf"ValueError: no such thing \({checkout}/user_assets\.py:\d+ in resource\)\.", failures(finished)["The run"]
    )


def test_a_resource_that_explains_itself_is_its_own_words(checkout: Path) -> None:
    finished = run_selected(checkout, "key:needs_refused")
    assert finished.exit_code == 1
    assert finished.output.splitlines()[-2] == "The run: The port is closed. Open it."


def test_a_step_in_a_process_of_its_own_says_the_same(checkout: Path) -> None:
    finished = run_selected(checkout, "key:deeper", STEDI_EXECUTOR="multiprocess")
    assert finished.exit_code == 1
    assert failures(finished)["deeper"].startswith("LookupError: deep down (")


@pytest.mark.parametrize("command", [("--debug", "run"), ("run", "--debug")], ids=" ".join)
def test_the_stack_trace_of_a_run_is_printed_where_it_is_asked_for(checkout: Path, command: Sequence[str]) -> None:
    selected = ("--select", "key:deeper or key:with_an_email")
    finished = run("stedi", *command, *selected, folder=checkout, PYTHONPATH=str(checkout))
    assert finished.exit_code == 1
    assert re.search(rf'File "{checkout}/user_assets\.py", line \d+, in fail\n +raise LookupError', finished.output)
    assert 'Error occurred while executing op "deeper"' in finished.output
    assert "ValueError: no *** here" in finished.output
    assert failures(finished)["deeper"].startswith("LookupError: deep down (")


COMMANDS = (
    ("run",),
    ("tables",),
    ("settings",),
    ("query", "SELECT 1"),
    ("history", "customer_trusted"),
    ("diff", "customer_trusted", "0", "1"),
    ("duckdb", "a.duckdb"),
    ("ddl",),
    ("clean",),
    ("vacuum",),
    ("report",),
    ("erase", "ada@example.com"),
    ("upload", ".", "s3://bucket/landing"),
)


@pytest.fixture(scope="module")
def broken_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a mistake in the module that reads settings."""
    folder = cloned(PROJECT, tmp_path_factory.mktemp("mistaken") / "checkout")
    with (folder / "stedi_assets/settings.py").open("a") as settings:
        settings.write("\n\ndef broken():\n    raise RuntimeError('It broke.')\n\n\nbroken()\n")
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_says_in_one_line_what_broke(
    tmp_path: Path, broken_settings: Path, command: Sequence[str]
) -> None:
    finished = run("stedi", *command, folder=tmp_path, PYTHONPATH=str(broken_settings))
    place = rf"{broken_settings}/stedi_assets/settings\.py:\d+ in broken"
    remedy = re.escape("For the stack trace, run the command again with --debug.")
    assert finished.exit_code == 1
    assert re.fullmatch(rf"Error: RuntimeError: It broke \({place}\)\. {remedy}\n", finished.output), finished.output


@pytest.mark.parametrize("command", [("--debug", "tables"), ("tables", "--debug")], ids=" ".join)
def test_the_stack_trace_of_any_command_is_printed_where_it_is_asked_for(
    tmp_path: Path, broken_settings: Path, command: Sequence[str]
) -> None:
    finished = run("stedi", *command, folder=tmp_path, PYTHONPATH=str(broken_settings))
    assert finished.exit_code == 1
    assert finished.output.startswith("Traceback (most recent call last):\n")
    assert "stedi_assets/cli/tables.py" in finished.output
    assert finished.output.splitlines()[-1].startswith("Error: RuntimeError: It broke (")
