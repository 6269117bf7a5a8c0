"""The Spark that this process would start: the one that pyspark brings, unless a variable leads to another."""

import os
import pwd
import re
from pathlib import Path

import pyspark

from stedi_assets.errors import StediError

CORE = re.compile(r"spark-core_[\d.]+-(.+)\.jar")
"""The jar by whose name a Spark tells its version."""

NO_ARGUMENTS = "pyspark-shell"
"""What PYSPARK_SUBMIT_ARGS holds when it asks for nothing."""


def refuse_other_spark() -> None:
    """Refuses what makes Spark another one than this package is made for, or keeps it from starting.

    Java reports these conditions as a stack trace or a missing class.

    Raises:
        StediError: A variable that another Spark left leads to it, or the user has no name.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        # spark-submit has started Java already.
        return
    _refuse_other_home()
    if os.environ.get("PYSPARK_SUBMIT_ARGS", NO_ARGUMENTS).strip() != NO_ARGUMENTS:
        raise StediError(
            "PYSPARK_SUBMIT_ARGS is set, by which Spark would start with other options than the settings say.",
            "Unset it, and give options by STEDI_SPARK_CONF.",
        )
    _refuse_user_without_name()


def _refuse_other_home() -> None:
    home = os.environ.get("SPARK_HOME")
    if home is None:
        return
    remedy = f"Unset SPARK_HOME, or set it to the folder of a Spark {pyspark.__version__}."
    versions = {found[1] for jar in Path(home, "jars").glob("spark-core_*.jar") if (found := CORE.fullmatch(jar.name))}
    if not versions:
        raise StediError(f"SPARK_HOME={home} is not the folder of a Spark.", remedy)
    if pyspark.__version__ not in versions:
        raise StediError(
            f"SPARK_HOME={home} is the folder of a Spark {min(versions)}, and pyspark is of {pyspark.__version__}.",
            remedy,
        )


def _refuse_user_without_name() -> None:
    user = os.getuid()
    try:
        pwd.getpwuid(user)
    except KeyError:
        raise StediError(
            f"Spark needs a user that has a name, and the user id {user} has none on this machine.",
            f"Add a line such as stedi:x:{user}:0::/tmp:/bin/sh to /etc/passwd, or be a user that has one.",
        ) from None
