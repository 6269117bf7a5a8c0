"""The Spark session of a run: started when something first asks for it, stopped at the end."""

import atexit
import functools
import hashlib
import logging
import os
import re
import shutil
import socket
import sys
import threading
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from py4j.java_gateway import JavaGateway  # type: ignore[import-untyped]
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

import stedi_assets
from stedi_assets.engines.spark.errors import first_line
from stedi_assets.engines.spark.installation import refuse_other_spark
from stedi_assets.engines.spark.jars import jars_in, s3_jars
from stedi_assets.engines.spark.java import required_java
from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.certificates import write_java_trust_store
from stedi_assets.storage.work_folder import claim_work_folder

LOCAL_MASTER = "local[*]"

STANDALONE = "spark://"
"""The scheme of a cluster of Spark's own, `spark://host:port`, with more hosts after commas where it has several."""

QUOTING_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""What tells of an error with the values it quotes, before the error is explained."""

PYTHON = "spark.sql.execution.pyspark.python"
"""Spark's option of the Python that runs on the executors."""

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
    PYTHON: sys.executable,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "true",
    "spark.sql.shuffle.partitions": "4",
    # Of 64 MB by default, and each small table that is joined holds one until Java collects its garbage.
    "spark.buffer.pageSize": "1m",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
    # Without the checksum files beside every file.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    # What goes to a bucket is gathered in memory: on disk, it would be through the other local file system.
    "spark.hadoop.fs.s3a.fast.upload.buffer": "bytebuffer",
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

TRUST_STORE = "authorities.p12"

TRUST_STORE_PASSWORD = "changeit"
"""Java's own default."""

CONNECT_PORT = 15002
"""Where a Spark Connect server listens when its address does not say."""

PATIENCE_SECONDS = 10

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

ENDED_WITH = re.compile(r'^Exception in thread "main" (?:[\w.$]+: )?(.+)$', re.MULTILINE)
"""The line in which Java says why it ends."""

STANDARD_ERROR = 2

FORWARDED_BYTES = 1 << 16


class Session:
    """A Spark session that is started when it is first asked for.

    Where the process has a session already, it is used and left running. Where SPARK_REMOTE names a server, the session
    is that server's, by Spark Connect.

    Args:
        master: Where Spark runs: `local[*]`, `spark://host:port`, `yarn`, `k8s://…`.
        jars: A folder with jars to load.
        conf: Any other options of Spark.
        aws: How buckets are reached, where there are any.
    """

    def __init__(
        self,
        master: str = LOCAL_MASTER,
        jars: str | None = None,
        conf: Mapping[str, str] | None = None,
        aws: Aws | None = None,
    ) -> None:
        self._master = master
        self._jars = jars
        self._conf = conf or {}
        self._aws = aws
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
        if "SPARK_REMOTE" in os.environ:
            spark = self._remote()
        else:
            running = _running()
            spark = running.newSession() if running else self._new()
        self._set_up(spark)
        spark.addArtifacts(str(packed_package()), pyfile=True)
        return spark

    def _set_up(self, spark: SparkSession) -> None:
        # What holds for this session alone, even where it shares an application: views and settings are nobody else's.
        buckets = self._aws.buckets.values() if self._aws else ()
        for name, value in {**QUERIES, **self._conf}.items():
            if spark.conf.isModifiable(name):
                spark.conf.set(name, value)
        for bucket in buckets:
            for name, value in bucket.hadoop_options().items():
                spark.conf.set(name, value)

    def _remote(self) -> SparkSession:
        server = os.environ["SPARK_REMOTE"]
        address = urlsplit(server)
        try:
            if address.hostname:
                # The client itself would go on trying for a quarter of an hour.
                socket.create_connection((address.hostname, address.port or CONNECT_PORT), PATIENCE_SECONDS).close()
            spark = SparkSession.builder.remote(server).getOrCreate()
        except (OSError, PySparkException, ImportError) as error:
            raise StediError(
                f"The Spark Connect server {address.netloc} cannot be used: {first_line(error)}.",
                "Start it or correct SPARK_REMOTE; pip install 'stedi_assets[spark-connect]' adds the client.",
            ) from None
        self._at_end.callback(spark.stop)
        return spark

    def _new(self) -> SparkSession:
        refuse_other_spark()
        required_java()
        if self._master.startswith(STANDALONE):
            _refuse_unreachable(self._master)
        log4j = _folder_of_this_process() / "log4j2.properties"
        log4j.write_text(LOGGING)
        # What is shuffled and spilled holds raw records.
        local = {**ON_ONE_MACHINE, "spark.local.dir": str(_folder_of_this_process())}
        options = {
            **APPLICATION,
            **(local if self._master.startswith("local") else {}),
            "spark.master": self._master,
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log4j.as_uri()}",
            "spark.jars": ",".join(map(str, self._jar_files())),
            **self._conf,
        }
        if self._aws and self._aws.bundle:
            options |= _trusting(self._aws.bundle, options)
        conf = SparkConf().setAll([(name, value) for name, value in options.items() if value])
        try:
            context = SparkContext(conf=conf, gateway=SparkContext._gateway or _gateway(conf))
            # Without it, what is not SQL, such as a data frame of a list, runs on whatever python3 the path has.
            context.pythonExec = str(conf.get(PYTHON, context.pythonExec))
            spark = SparkSession.builder.getOrCreate()
        except (PySparkException, Py4JError) as error:
            raise _not_started(self._master, first_line(error)) from None
        self._at_end.callback(spark.stop)
        return spark

    def _jar_files(self) -> Sequence[Path]:
        if self._jars:
            return jars_in(Path(self._jars))
        return s3_jars() if self._aws else []


def _trusting(bundle: str, options: Mapping[str, str]) -> dict[str, str]:
    """Returns the options by which Java trusts the authorities of a file alone, on the driver and on executors.

    Args:
        bundle: Certificates in PEM.
        options: What is chosen so far.
    """
    store = _folder_of_this_process() / TRUST_STORE
    write_java_trust_store(bundle, store, TRUST_STORE_PASSWORD)
    driver, executor, files = "spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions", "spark.files"
    return {
        driver: f"{options.get(driver, '')} {_java_trust(str(store))}",
        # An executor has the file in its working folder.
        executor: f"{options.get(executor, '')} {_java_trust(TRUST_STORE)}".strip(),
        files: ",".join(filter(None, [options.get(files), store.as_uri()])),
    }


def _java_trust(store: str) -> str:
    properties = {"": store, "Type": "PKCS12", "Password": TRUST_STORE_PASSWORD}
    return " ".join(f"-Djavax.net.ssl.trustStore{name}={value}" for name, value in properties.items())


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
    folder, _ = claim_work_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _running() -> SparkSession | None:
    # A thread that did not start the session has none that is active.
    is_running = SparkContext._active_spark_context is not None
    return SparkSession.builder.getOrCreate() if is_running else SparkSession.getActiveSession()


def _refuse_unreachable(master: str) -> None:
    # Spark itself would go on trying for minutes, and tell of it in stack traces.
    reasons = []
    for each in master.removeprefix(STANDALONE).split(","):
        try:
            address = urlsplit(f"//{each}")
            socket.create_connection((address.hostname, address.port), PATIENCE_SECONDS).close()
        except OSError as error:
            reasons.append(f"{each}: {error.strerror or error}")
        except ValueError:
            reasons.append(f"{each} is not host:port")
        else:
            return
    raise _not_started(master, "; ".join(reasons))


def _gateway(conf: SparkConf) -> JavaGateway:
    """Starts Java, with its standard error on that of this process as it is at any time.

    Dagster exchanges that for each step's compute log, which so gets Spark's progress.
    """
    told, standard_error = os.pipe()
    saying = _Saying(told)
    try:
        gateway = launch_gateway(conf, {"stderr": standard_error})  # type: ignore[no-untyped-call]
    except PySparkException as error:
        os.close(standard_error)
        raise _not_started(str(conf.get("spark.master")), saying.first_error() or first_line(error)) from None
    os.close(standard_error)
    saying.show()
    return gateway


def _not_started(master: str, reason: str) -> StediError:
    return StediError(
        f"Spark could not be started at {master}: {reason.rstrip('.')}.",
        "Correct STEDI_SPARK_MASTER, STEDI_SPARK_JARS or STEDI_SPARK_CONF.",
    )


class _Saying:
    """What Java writes to its standard error: held back until it has started, and then passed on at once.

    A Java that does not start says why in a line, and adds ten of its own code.
    """

    def __init__(self, told: int) -> None:
        self._held = b""
        self._is_shown = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, args=[told], daemon=True)
        self._thread.start()

    def show(self) -> None:
        with self._lock:
            self._is_shown = True
            self._pass_on()

    def first_error(self) -> str | None:
        """What Java ended with, once it has ended."""
        self._thread.join(PATIENCE_SECONDS)
        found = ENDED_WITH.search(self._held.decode(errors="replace"))
        return found[1] if found else None

    def _read(self, told: int) -> None:
        with open(told, "rb", buffering=0) as stream:
            while chunk := stream.read(FORWARDED_BYTES):
                with self._lock:
                    self._held += chunk.replace(ALWAYS_SAID, b"")
                    if self._is_shown:
                        self._pass_on()

    def _pass_on(self) -> None:
        os.write(STANDARD_ERROR, self._held)
        self._held = b""
