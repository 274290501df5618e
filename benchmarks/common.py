"""What the benchmarks share: a process for each run, means, the machine, the file of results."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from minibert.training.run import environment

INSTRUCTION_SETS = ("avx", "amx", "fma", "sve", "bf16", "i8mm")  # those that products profit from


def in_a_process_of_its_own(work: Callable[[], object]) -> Any:
    """What `work` returns, through JSON: a fork does it, so that none finds memory another left.

    The parent must not have computed in parallel before: a fork has none of the threads.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            with open(writer, "w") as answer:
                json.dump(work(), answer)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader) as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise SystemExit(
            f"a measuring process ended with {code}; 1: see above, -9: memory was full"
        )
    return json.loads(told)


def python(*words: object) -> None:
    """Run a script, or a module after "-m", with the Python that runs this."""
    subprocess.run([sys.executable, *map(str, words)], check=True)


def spread(values: Sequence[float]) -> dict[str, Any]:
    """The values, their mean, and of several the standard deviation (n - 1)."""
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"values": list(values), "mean": statistics.fmean(values), "sd": sd}


def cell(found: dict[str, Any], scale: float = 1.0) -> str:
    """A `spread` in a table: mean ± standard deviation, or of one value the value."""
    mean = f"{scale * found['mean']:.1f}"
    return mean if len(found["values"]) == 1 else f"{mean} ± {scale * found['sd']:.1f}"


def machine() -> dict[str, object]:
    """What a measurement depends on: versions, processor, threads; and the day."""
    processor = torch.cpu.get_capabilities()
    return {
        **environment(),
        "processor": str(processor.get("cpu_name", platform.processor())),
        "instruction_sets": sorted(
            name
            for name, there in processor.items()
            if there is True and name.startswith(INSTRUCTION_SETS)
        ),
        "date": time.strftime("%Y-%m-%d"),
    }


def write_result(output: Path | None, result: dict[str, object]) -> None:
    """To this file, if there shall be one."""
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=1) + "\n")
