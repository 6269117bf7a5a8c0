"""The Spark session of a run: the first query starts it, and the end of the run stops it."""

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
"""The scheme of the master of a standalone cluster: `spark://host:port`, or `spark://host:port,host:port`."""

QUOTING_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""The loggers of pyspark that write messages with values of the data, before `errors_explained` removes them."""

PYTHON = "spark.sql.execution.pyspark.python"
"""Spark's option for the Python that runs on the executors."""

APPLICATION = {
    "spark.app.name": "stedi_assets",
    "spark.sql.catalogImplementation": "in-memory",
    # pyspark switches it on, and it would write over the lines of the command.
    "spark.ui.showConsoleProgress": "false",
    # Every Python process of Spark warns of pandas 3.
    "spark.executorEnv.PYTHONWARNINGS": "ignore:PySpark does not yet fully support pandas:FutureWarning",
}
"""The options that Spark reads only when the application starts."""

ON_ONE_MACHINE = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "4g",
    PYTHON: sys.executable,
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "4",
    # The default is 64 MB. Each small table of a join holds a page until Java's next garbage collection.
    "spark.buffer.pageSize": "1m",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
    # This file system writes no .crc file for each file.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    # s3a buffers uploads in memory. Its buffer on disk needs Hadoop's other local file system, the one with checksums.
    "spark.hadoop.fs.s3a.fast.upload.buffer": "bytebuffer",
}
"""More such options for a `local` master, where driver and executors are one process."""

QUERIES = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    # Fewer files: Spark merges partitions up to the advised size, even if fewer remain than there are cores.
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
}
"""The options of the session, which apply to every query."""

TRUST_STORE = "authorities.p12"

TRUST_STORE_PASSWORD = "changeit"
"""The default password of Java's trust stores, which hold no secret."""

CONNECT_PORT = 15002
"""The default port of Spark Connect."""

TIMEOUT_SECONDS = 10
"""How long to wait for a connection to a cluster, and for the last output of a Java process that has failed."""

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
"""Log4j's configuration, which silences errors: the exception reports them, without values of the data."""

JAVA_WARNING = b"WARNING: Using incubator modules: jdk.incubator.vector\n"
"""Java's warning about an option that Spark always starts it with."""

JAVA_ERROR = re.compile(r'^Exception in thread "main" (?:[\w.$]+: )?(.+)$', re.MULTILINE)
"""The line in which Java reports why it ends."""

STANDARD_ERROR = 2
"""The file descriptor of the standard error."""

CHUNK_BYTES = 1 << 16


class Session:
    """A Spark session that starts when `spark` is first read.

    If SPARK_REMOTE names a server, the session is on that server, by Spark Connect. Else, if the process already runs
    Spark, the session shares that application and leaves it running.

    Args:
        master: Spark's master: `local[*]`, `spark://host:port`, `yarn`, `k8s://…`.
        jars: A folder of jars to load. By default Spark loads its own jars, and with `aws` those for S3.
        conf: Options of Spark, which override those of this module.
        aws: The AWS settings; None if neither the landing root nor the lakehouse is in a bucket.
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
        """Returns this object. Spark is not started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops Spark if this object started it."""
        self._spark = None
        self._at_end.close()

    @property
    def spark(self) -> SparkSession:
        """The running session.

        Raises:
            StediError: Spark cannot be started or reached.
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
        # Only options of the session are set here, because other sessions may share the application.
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
                # The client itself would retry for a quarter of an hour.
                socket.create_connection((address.hostname, address.port or CONNECT_PORT), TIMEOUT_SECONDS).close()
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
        folder = _folder_of_this_process()
        log4j = folder / "log4j2.properties"
        log4j.write_text(LOGGING)
        # Shuffled and spilled data holds raw records, and only this user can read the work folder.
        local = {
            **ON_ONE_MACHINE,
            "spark.local.dir": str(folder),
            # Spark makes the folder when it starts, in the current folder by default.
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
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
            # A process has one Java. A second session uses the Java that the first one started.
            context = SparkContext(conf=conf, gateway=SparkContext._gateway or _gateway(conf))
            # PYTHON applies to SQL alone. Jobs of RDDs, such as a data frame of a list, run pythonExec: by default the
            # first python3 on the PATH.
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
    """Returns the options that make Java trust only the given authorities, on the driver and on the executors.

    Args:
        bundle: The path of a file with the authorities' certificates, in PEM.
        options: The options so far, which the returned ones extend.
    """
    store = _folder_of_this_process() / TRUST_STORE
    write_java_trust_store(bundle, store, TRUST_STORE_PASSWORD)
    driver, executor, files = "spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions", "spark.files"
    return {
        driver: f"{options.get(driver, '')} {_java_trust(str(store))}",
        # Spark copies the file into the working folder of each executor.
        executor: f"{options.get(executor, '')} {_java_trust(TRUST_STORE)}".strip(),
        files: ",".join(filter(None, [options.get(files), store.as_uri()])),
    }


def _java_trust(store: str) -> str:
    properties = {"": store, "Type": "PKCS12", "Password": TRUST_STORE_PASSWORD}
    return " ".join(f"-Djavax.net.ssl.trustStore{name}={value}" for name, value in properties.items())


@functools.cache
def packed_package() -> Path:
    """Returns a zip file of this package's sources, for executors that do not have the package installed.

    The digest of the sources is part of the file's name.
    """
    root = Path(stedi_assets.__file__).parent
    sources = {str(path.relative_to(root.parent)): path.read_bytes() for path in sorted(root.rglob("*.py"))}
    digest = hashlib.sha256(repr(sources).encode()).hexdigest()[:16]
    packed = _folder_of_this_process() / f"stedi_assets-{digest}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in sources.items():
            # ZipInfo has a fixed date: equal sources give equal files.
            archive.writestr(zipfile.ZipInfo(name), source)
    return packed


@functools.cache
def _folder_of_this_process() -> Path:
    # Not removed with the session: an application that outlives it may read the files again.
    folder, _ = claim_work_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _running() -> SparkSession | None:
    # getActiveSession finds the session only in the thread that started it, the context is found in every thread.
    is_running = SparkContext._active_spark_context is not None
    return SparkSession.builder.getOrCreate() if is_running else SparkSession.getActiveSession()


def _refuse_unreachable(master: str) -> None:
    # Spark itself would retry for minutes, and log stack traces.
    reasons = []
    for each in master.removeprefix(STANDALONE).split(","):
        try:
            address = urlsplit(f"//{each}")
            socket.create_connection((address.hostname, address.port), TIMEOUT_SECONDS).close()
        except OSError as error:
            reasons.append(f"{each}: {error.strerror or error}")
        except ValueError:
            reasons.append(f"{each} is not host:port")
        else:
            return
    raise _not_started(master, "; ".join(reasons))


def _gateway(conf: SparkConf) -> JavaGateway:
    """Starts Java, with a pipe as its standard error that a thread copies to the standard error of this process.

    Dagster redirects the standard error of this process to the compute log of each step. Without the pipe,
    Java would keep its first standard error, and Java's messages would be missing from the logs.
    """
    read_end, write_end = os.pipe()
    java_output = _JavaOutput(read_end)
    try:
        gateway = launch_gateway(conf, {"stderr": write_end})  # type: ignore[no-untyped-call]
    except PySparkException as error:
        os.close(write_end)
        raise _not_started(str(conf.get("spark.master")), java_output.first_error() or first_line(error)) from None
    os.close(write_end)
    java_output.forward()
    return gateway


def _not_started(master: str, reason: str) -> StediError:
    return StediError(
        f"Spark could not be started at {master}: {reason.rstrip('.')}.",
        "Correct STEDI_SPARK_MASTER, STEDI_SPARK_JARS or STEDI_SPARK_CONF.",
    )


class _JavaOutput:
    """The standard error of a Java process, buffered until `forward` is called, and forwarded from then on.

    A Java that fails to start prints the reason in one line, followed by a stack trace. The exception reports the
    reason, and the user never sees the trace.

    Args:
        read_end: The file descriptor of the pipe's read end.
    """

    def __init__(self, read_end: int) -> None:
        self._buffer = b""
        self._is_forwarding = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, args=[read_end], daemon=True)
        self._thread.start()

    def forward(self) -> None:
        """Writes the buffered output to the standard error of this process, and all further output as it comes."""
        with self._lock:
            self._is_forwarding = True
            self._flush()

    def first_error(self) -> str | None:
        """Waits until Java has ended, and returns the message of the exception that ended it."""
        self._thread.join(TIMEOUT_SECONDS)
        found = JAVA_ERROR.search(self._buffer.decode(errors="replace"))
        return found[1] if found else None

    def _read(self, read_end: int) -> None:
        with open(read_end, "rb", buffering=0) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                with self._lock:
                    self._buffer += chunk.replace(JAVA_WARNING, b"")
                    if self._is_forwarding:
                        self._flush()

    def _flush(self) -> None:
        os.write(STANDARD_ERROR, self._buffer)
        self._buffer = b""
