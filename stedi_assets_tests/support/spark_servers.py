"""Spark as servers on loopback: a standalone cluster, and a Spark Connect server."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from stedi_assets_tests.support.servers import HOST, Server, free_port, running

MASTER = "org.apache.spark.deploy.master.Master"

WORKER = "org.apache.spark.deploy.worker.Worker"

SPARK = Path(pyspark.__file__).parent

_SPARK_VARIABLES = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": HOST}


@dataclass
class SparkCluster:
    """A standalone cluster of Spark on loopback.

    Attributes:
        master: Its master.
        workers: Those who compute, a core each.
    """

    master: Server
    workers: Sequence[Server]

    @property
    def url(self) -> str:
        return f"spark://{HOST}:{self.master.port}"


@contextmanager
def spark_cluster(folder: Path, workers: int = 2) -> Iterator[SparkCluster]:
    """Runs a standalone cluster.

    Args:
        folder: An existing one, for what the workers keep.
        workers: How many.

    Yields:
        The cluster.
    """
    with ExitStack() as stack:
        port = stack.enter_context(free_port())
        master = _spark_server(port, MASTER, "--webui-port", "0")
        stack.enter_context(running(master))
        cluster = SparkCluster(master, [])
        for number in range(workers):
            kept = (
                "--work-dir",
                str(folder / f"worker-{number}"),
                "--webui-port",
                "0",
                "--cores",
                "1",
                "--memory",
                "2g",
            )
            worker_port = stack.enter_context(free_port())
            worker = _spark_server(worker_port, WORKER, *kept, "--cores", "1", cluster.url)
            stack.enter_context(running(worker))
            cluster.workers = [*cluster.workers, worker]
        yield cluster


@contextmanager
def spark_connect_server(folder: Path, jars: Sequence[Path]) -> Iterator[str]:
    """Runs a Spark Connect server.

    Args:
        folder: An existing one, for what it keeps.
        jars: What it loads.

    Yields:
        The URL by which SPARK_REMOTE names it.
    """
    with free_port() as port:
        options = {
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": str(port),
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.local.dir": str(folder),
            "spark.master": "local[2]",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.jars": ",".join(map(str, jars)),
        }
        conf = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
        service = ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer")
        command = [str(SPARK / "bin" / "spark-submit"), *service, *conf]
        with running(Server(command, port, _SPARK_VARIABLES)):
            yield f"sc://{HOST}:{port}"


def _spark_server(port: int, kind: str, *arguments: str) -> Server:
    command = [str(SPARK / "bin" / "spark-class"), kind, "--host", HOST, "--port", str(port), *arguments]
    return Server(command, port, _SPARK_VARIABLES)
