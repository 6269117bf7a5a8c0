"""The jars by which Spark reaches S3: fetched once with the Ivy that Spark brings, and then at hand without a network.

    python -m stedi_assets.engines.spark.jars [FOLDER]

fetches them ahead, into a folder that can be carried to a machine without a network and named by STEDI_SPARK_JARS.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyspark

from stedi_assets.engines.spark.java import required_java
from stedi_assets.errors import StediError

SDK_VERSION = "2.35.4"

PACKAGES = (
    "org.apache.hadoop:hadoop-aws:3.5.0",
    *(
        f"software.amazon.awssdk:{module}:{SDK_VERSION}"
        for module in ("s3", "s3-transfer-manager", "sts", "netty-nio-client", "apache-client")
    ),
)
"""Maven coordinates. Hadoop's version is that of the jars in pyspark, the SDK's the one that Hadoop was built with."""

EXCLUDED = (
    ("software.amazon.awssdk", "bundle"),  # 686 MB of every service; the modules above are what s3a uses
    ("org.apache.hadoop", "hadoop-client-api"),  # in pyspark
    ("org.apache.hadoop", "hadoop-client-runtime"),  # in pyspark
    ("org.slf4j", "*"),  # in pyspark
)

IVY_MODULE = """<ivy-module version="2.0">
  <info organisation="stedi_assets" module="spark-jars"/>
  <configurations><conf name="default"/></configurations>
  <dependencies>
    {dependencies}
    {excluded}
  </dependencies>
</ivy-module>
"""

FETCHING_SECONDS = 600


def s3_jars() -> Sequence[Path]:
    """Returns the jars, fetched where this machine does not have them yet.

    Raises:
        StediError: They cannot be fetched.
    """
    folder = _cache() / f"spark-jars-{_digest()}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="spark-jars-") as scratch:
            fetched = Path(scratch) / "jars"
            fetch(fetched)
            # Whole or not at all; where another process came first, its folder is as good.
            if not folder.is_dir():
                fetched.rename(folder)
    return jars_in(folder)


def jars_in(folder: Path) -> Sequence[Path]:
    """Lists the jars of a folder.

    Args:
        folder: The folder.

    Raises:
        StediError: It holds none.
    """
    found = sorted(folder.glob("*.jar"))
    if not found:
        raise StediError(
            f"The folder {folder} holds no jar.", "Fill it with make spark-jars, or unset STEDI_SPARK_JARS."
        )
    return found


def fetch(folder: Path) -> None:
    """Fetches the jars with what they need.

    Args:
        folder: Where they are put; created.

    Raises:
        StediError: They cannot be fetched.
    """
    java = required_java()
    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    with tempfile.TemporaryDirectory(prefix="stedi-ivy-") as scratch:
        module = Path(scratch) / "ivy.xml"
        module.write_text(_ivy_module())
        folder.mkdir(parents=True, exist_ok=True)
        pattern = f"{folder}/[artifact]-[revision].[ext]"
        # A cache of its own: two processes that fetch at once destroy each other's files in the user's.
        where = ["-ivy", str(module), "-cache", f"{scratch}/cache"]
        what = ["-confs", "default", "-retrieve", pattern, "-types", "jar", "bundle"]
        is_done = _succeeds([java, "-jar", str(ivy), *where, *what])
    if not (is_done and list(folder.glob("hadoop-aws-*.jar"))):
        raise StediError(
            f"The jars by which Spark reaches S3 ({', '.join(PACKAGES)}) could not be fetched.",
            "Fetch them with make spark-jars where there is a network, and name the folder by STEDI_SPARK_JARS.",
        )


def _succeeds(command: Sequence[str]) -> bool:
    try:
        subprocess.run(command, capture_output=True, timeout=FETCHING_SECONDS, check=True)
    except subprocess.SubprocessError:
        return False
    return True


def _ivy_module() -> str:
    coordinates = (package.split(":") for package in PACKAGES)
    dependencies = "\n    ".join(
        f'<dependency org="{organisation}" name="{name}" rev="{revision}" conf="default->master,runtime"/>'
        for organisation, name, revision in coordinates
    )
    excluded = "\n    ".join(f'<exclude org="{organisation}" module="{module}"/>' for organisation, module in EXCLUDED)
    return IVY_MODULE.format(dependencies=dependencies, excluded=excluded)


def _digest() -> str:
    return hashlib.sha256(_ivy_module().encode()).hexdigest()[:16]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stedi_assets"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        fetch(Path(sys.argv[1]))
    else:
        s3_jars()
