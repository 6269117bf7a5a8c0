"""Checks that this process would start pyspark's own Spark, and not one that an environment variable names."""

import os
import pwd
import re
from pathlib import Path

import pyspark

from stedi_assets.errors import StediError

CORE = re.compile(r"spark-core_[\d.]+-(.+)\.jar")
"""The name of the jar that holds Spark's core; its group is Spark's version."""

NO_ARGUMENTS = "pyspark-shell"
"""The value of PYSPARK_SUBMIT_ARGS that sets no option."""


def refuse_other_spark() -> None:
    """Raises an error if this process would start another Spark, or if Spark cannot start for this user.

    Java would report these conditions as a stack trace or a missing class.

    Raises:
        StediError: SPARK_HOME names a Spark of another version, PYSPARK_SUBMIT_ARGS sets options, or the operating
            system has no name for the user.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        # spark-submit sets this variable: it has started Java already.
        return
    _refuse_other_home()
    if os.environ.get("PYSPARK_SUBMIT_ARGS", NO_ARGUMENTS).strip() != NO_ARGUMENTS:
        raise StediError(
            "PYSPARK_SUBMIT_ARGS is set: Spark would start with options that are not in the settings.",
            "Unset it, and set options with STEDI_SPARK_CONF.",
        )
    _refuse_user_without_name()


def _refuse_other_home() -> None:
    home = os.environ.get("SPARK_HOME")
    if home is None:
        return
    remedy = f"Unset SPARK_HOME, or set it to the folder of Spark {pyspark.__version__}."
    versions = {found[1] for jar in Path(home, "jars").glob("spark-core_*.jar") if (found := CORE.fullmatch(jar.name))}
    if not versions:
        raise StediError(f"SPARK_HOME={home} is not the folder of a Spark installation.", remedy)
    if pyspark.__version__ not in versions:
        raise StediError(
            f"SPARK_HOME={home} is the folder of Spark {min(versions)}, but pyspark is {pyspark.__version__}.",
            remedy,
        )


def _refuse_user_without_name() -> None:
    user = os.getuid()
    try:
        pwd.getpwuid(user)
    except KeyError:
        raise StediError(
            f"Spark needs the user's name, and the user id {user} has none on this machine.",
            f"Add a line such as stedi:x:{user}:0::/tmp:/bin/sh to /etc/passwd, or run as a user who has a name.",
        ) from None
