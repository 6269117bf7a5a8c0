"""The Java that Spark runs on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from stedi_assets.errors import StediError

OLDEST_JAVA = 17

JAVA_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def required_java() -> str:
    """Returns the path of the `java` program that Spark runs on.

    Raises:
        StediError: There is no Java, or its version is too old. The message names the program that was found.
    """
    remedy = f"Install Java {OLDEST_JAVA} or newer, and set JAVA_HOME to its folder."
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin/java") if home else shutil.which("java")
    if java is None:
        raise StediError(f"Spark needs Java {OLDEST_JAVA} or newer, and none is on the PATH.", remedy)
    try:
        output = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        raise StediError(f"Spark needs Java {OLDEST_JAVA} or newer, and {java} cannot be run.", remedy) from None
    version = JAVA_VERSION.search(output)
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = f"is version {version[1]}" if version else "does not print its version"
        raise StediError(f"Spark needs Java {OLDEST_JAVA} or newer, and {java} {found}.", remedy)
    return java
