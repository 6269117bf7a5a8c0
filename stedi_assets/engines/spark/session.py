"""The Spark session of a run: started when something first asks for it, stopped at the end."""

import atexit
import functools
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from py4j.java_gateway import JavaGateway  # type: ignore[import-untyped]
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

import stedi_assets
from stedi_assets.engines.spark.errors import first_line
from stedi_assets.errors import StediError

LOCAL_MASTER = "local[*]"

OLDEST_JAVA = 17

JAVA_VERSION = re.compile(r'version "(?:1\.)?(\d+)')

QUOTING_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""What tells of an error with the values it quotes, before the error is explained."""

APPLICATION = {
    "spark.app.name": "stedi_assets",
    "spark.sql.catalogImplementation": "in-memory",
    # Spark has not tried pandas 3 everywhere yet, and says so in every process.
    "spark.executorEnv.PYTHONWARNINGS": "ignore:PySpark does not yet fully support pandas:FutureWarning",
}
"""What is chosen when the application starts."""

ON_ONE_MACHINE = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "4g",
    "spark.sql.execution.pyspark.python": sys.executable,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "true",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
    # Without the checksum files beside every file.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
}
"""The same, where executors and driver are one process."""

QUERIES = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    # Few files: partitions of the advised size rather than as many as there are cores.
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
}
"""What holds for every query."""

LOGGING = """
rootLogger.level = fatal
rootLogger.appenderRef.console.ref = console
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = fatal
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
"""
"""Log4j's configuration: what goes wrong is told once, by the error, and never with a value of the data."""

ALWAYS_SAID = b"WARNING: Using incubator modules: jdk.incubator.vector\n"
"""What Java says of an option that Spark starts it with."""

STANDARD_ERROR = 2

FORWARDED_BYTES = 1 << 16


class Session:
    """A Spark session that is started when it is first asked for.

    Where the process has a session already, it is used and left running.

    Args:
        master: Where Spark runs: `local[*]`, `spark://host:port`, `yarn`, `k8s://…`.
        jars: A folder with jars to load.
        conf: Any other options of Spark.
    """

    def __init__(
        self, master: str = LOCAL_MASTER, jars: str | None = None, conf: Mapping[str, str] | None = None
    ) -> None:
        self._master = master
        self._jars = jars
        self._conf = conf or {}
        self._spark: SparkSession | None = None
        self._at_end = ExitStack()

    def __enter__(self) -> Self:
        """Returns the session, not started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops what was started."""
        self._spark = None
        self._at_end.close()

    @property
    def spark(self) -> SparkSession:
        """The session, started.

        Raises:
            StediError: It cannot be started.
        """
        if self._spark is None:
            self._spark = self._started()
        return self._spark

    def _started(self) -> SparkSession:
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        for name in QUOTING_LOGGERS:
            PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)
        running = _running()
        spark = self._beside(running) if running else self._new()
        spark.addArtifacts(str(packed_package()), pyfile=True)
        return spark

    def _beside(self, running: SparkSession) -> SparkSession:
        # On the same application, but its views and settings are nobody else's.
        spark = running.newSession()
        for name, value in {**QUERIES, **self._conf}.items():
            if spark.conf.isModifiable(name):
                spark.conf.set(name, value)
        return spark

    def _new(self) -> SparkSession:
        require_java()
        log4j = _folder_of_this_process() / "log4j2.properties"
        log4j.write_text(LOGGING)
        options = {
            **APPLICATION,
            **QUERIES,
            **(ON_ONE_MACHINE if self._master.startswith("local") else {}),
            "spark.master": self._master,
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log4j.as_uri()}",
            "spark.jars": ",".join(map(str, sorted(Path(self._jars).glob("*.jar")))) if self._jars else "",
            **self._conf,
        }
        conf = SparkConf().setAll([(name, value) for name, value in options.items() if value])
        try:
            SparkContext(conf=conf, gateway=SparkContext._gateway or _gateway(conf))
            spark = SparkSession.builder.getOrCreate()
        except (PySparkException, Py4JError) as error:
            raise StediError(
                f"Spark could not be started at {self._master}: {first_line(error)}.",
                "Correct STEDI_SPARK_MASTER, STEDI_SPARK_JARS or STEDI_SPARK_CONF.",
            ) from None
        self._at_end.callback(spark.stop)
        return spark


def require_java() -> None:
    """Looks for a Java that Spark runs on.

    Raises:
        StediError: There is none, or it is too old. The message says which one was found.
    """
    remedy = f"Install Java {OLDEST_JAVA} or newer, and set JAVA_HOME to its folder."
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin/java") if home else shutil.which("java")
    if java is None:
        raise StediError(f"Spark needs Java {OLDEST_JAVA} or newer, and none is on the PATH.", remedy)
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        raise StediError(f"Spark needs Java {OLDEST_JAVA} or newer, and {java} cannot be run.", remedy) from None
    version = JAVA_VERSION.search(told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = f"is version {version[1]}" if version else "does not tell its version"
        raise StediError(f"Spark needs Java {OLDEST_JAVA} or newer, and {java} {found}.", remedy)


@functools.cache
def packed_package() -> Path:
    """Packs this package, once, for the machines that do not have it.

    Returns:
        A zip file of its sources, which has another name when its content is another.
    """
    root = Path(stedi_assets.__file__).parent
    sources = {str(path.relative_to(root.parent)): path.read_bytes() for path in sorted(root.rglob("*.py"))}
    digest = hashlib.sha256(repr(sources).encode()).hexdigest()[:16]
    packed = _folder_of_this_process() / f"stedi_assets-{digest}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in sources.items():
            # Of a fixed date, so that the same content is the same file.
            archive.writestr(zipfile.ZipInfo(name), source)
    return packed


@functools.cache
def _folder_of_this_process() -> Path:
    # An application may ask again for what it was given, even after the session that gave it has ended.
    folder = tempfile.mkdtemp(prefix="stedi-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _running() -> SparkSession | None:
    # A thread that did not start the session has none that is active.
    is_running = SparkContext._active_spark_context is not None
    return SparkSession.builder.getOrCreate() if is_running else SparkSession.getActiveSession()


def _gateway(conf: SparkConf) -> JavaGateway:
    """Starts Java, with its standard error on that of this process as it is at any time.

    Dagster exchanges that for each step's compute log, which so gets Spark's progress.
    """
    told, standard_error = os.pipe()
    threading.Thread(target=_forward, args=[told], daemon=True).start()
    try:
        return launch_gateway(conf, {"stderr": standard_error})  # type: ignore[no-untyped-call]
    finally:
        os.close(standard_error)


def _forward(told: int) -> None:
    with open(told, "rb", buffering=0) as stream:
        while chunk := stream.read(FORWARDED_BYTES):
            os.write(STANDARD_ERROR, chunk.replace(ALWAYS_SAID, b""))
