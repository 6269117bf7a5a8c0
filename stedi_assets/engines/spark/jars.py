"""The jars that Spark needs for S3, downloaded once with the Ivy in pyspark and kept in a cache.

    python -m stedi_assets.engines.spark.jars [FOLDER]

downloads them ahead of time. A machine without a network can use a copy of FOLDER: STEDI_SPARK_JARS names it.
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
"""Maven coordinates. Hadoop has the version of the jars in pyspark, the SDK the version that Hadoop was built with."""

EXCLUDED = (
    ("software.amazon.awssdk", "bundle"),  # 686 MB, all services of AWS; s3a only needs the modules above
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
    """Returns the paths of the jars for S3, and downloads them first if the cache lacks them.

    Raises:
        StediError: The jars cannot be downloaded.
    """
    folder = _cache() / f"spark-jars-{_digest()}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="spark-jars-") as scratch:
            fetched = Path(scratch) / "jars"
            fetch(fetched)
            # Renamed when complete, so that no process finds half of the jars. Another process may have been faster.
            if not folder.is_dir():
                fetched.rename(folder)
    return jars_in(folder)


def jars_in(folder: Path) -> Sequence[Path]:
    """Returns the paths of the jars in a folder, sorted by name.

    Raises:
        StediError: The folder holds no jar.
    """
    found = sorted(folder.glob("*.jar"))
    if not found:
        raise StediError(
            f"The folder {folder} holds no jar.", "Fill it with make spark-jars, or unset STEDI_SPARK_JARS."
        )
    return found


def fetch(folder: Path) -> None:
    """Downloads the jars for S3, and the jars that they depend on, into a new or existing folder.

    Raises:
        StediError: The jars cannot be downloaded within ten minutes, or there is no suitable Java.
    """
    java = required_java()
    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    with tempfile.TemporaryDirectory(prefix="stedi-ivy-") as scratch:
        module = Path(scratch) / "ivy.xml"
        module.write_text(_ivy_module())
        folder.mkdir(parents=True, exist_ok=True)
        pattern = f"{folder}/[artifact]-[revision].[ext]"
        # A cache for this call alone: two processes that share Ivy's default cache corrupt each other's files.
        inputs = ["-ivy", str(module), "-cache", f"{scratch}/cache"]
        outputs = ["-confs", "default", "-retrieve", pattern, "-types", "jar", "bundle"]
        is_done = _succeeds([java, "-jar", str(ivy), *inputs, *outputs])
    if not (is_done and list(folder.glob("hadoop-aws-*.jar"))):
        raise StediError(
            f"The jars that Spark needs for S3 ({', '.join(PACKAGES)}) could not be downloaded.",
            "Run make spark-jars on a machine with a network, and set STEDI_SPARK_JARS to the folder of the jars.",
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
