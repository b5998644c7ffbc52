"""Execute notebooks in place from a clean kernel, and refresh the times and memory in their headers and in the README's table.

``python -m scripts.run`` runs all, ``python -m scripts.run 03 05`` those two. Saved outputs keep the static face of every widget and drop
progress bars; metadata is the kernel's name alone. A notebook that fails is left as it was, and the exit status says so.
"""

import hashlib
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from scripts.course import notebooks, write_tables

VIEW = "application/vnd.jupyter.widget-view+json"
PROBE = """try:
    import resource, sys
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
except ImportError:  # Windows
    import psutil
    peak = psutil.Process().memory_info().peak_wset / 1e9
print(peak)"""


def code_hash(notebook: dict) -> str:
    """SHA-256 of a notebook's code and solutions, its set-up cell left out: outputs that carry it were made by this very code."""

    def runs(cell: dict) -> bool:
        return cell["cell_type"] == "code" or "solution" in cell["metadata"].get("tags", [])

    cells = [cell for cell in notebook["cells"] if runs(cell)][1:]
    return hashlib.sha256("\0".join("".join(cell["source"]) for cell in cells).encode()).hexdigest()


def execute(path: Path) -> tuple[nbformat.NotebookNode, float, float]:
    """Run one notebook; returns (the notebook with outputs, seconds from the kernel's start, peak memory in GB)."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    )
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.perf_counter()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        seconds = time.perf_counter() - start
        probe = nbformat.v4.new_code_cell(PROBE)
        notebook.cells.append(probe)
        client.execute_cell(probe, len(notebook.cells) - 1)
        notebook.cells.pop()
    return notebook, seconds, float(probe.outputs[0]["text"])


def tidy(notebook: nbformat.NotebookNode) -> list[str]:
    """Keep what a page without a kernel can show; returns complaints (stderr, big outputs)."""
    complaints = []
    for number, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        kept = []
        for output in cell.outputs:
            if output.output_type in ("display_data", "execute_result") and VIEW in output.data:
                del output.data[VIEW]
                if not {"image/png", "text/html"} & set(output.data):
                    continue  # a progress bar: nothing left to see
            if output.get("name") == "stderr":
                complaints.append(f"code cell {number + 1} wrote to stderr: {output.text.strip()[:120]}")
            if kept and output.output_type == "stream" == kept[-1].output_type and output.name == kept[-1].name:
                kept[-1].text += output.text
            else:
                kept.append(output)
        cell.outputs = kept
        cell.metadata.pop("execution", None)
    return complaints


def main(numbers: list[str]) -> int:
    """Run the chosen notebooks (all when none is named); returns the number that failed."""
    os.environ["PYTHONWARNINGS"] = os.environ.get("PYTHONWARNINGS", "default")
    os.environ["TRANSFORMERS_COURSE_PROGRESS"] = os.path.join(
        tempfile.mkdtemp(), "progress.json"
    )  # nobody's progress is shown in 00
    numbers = list(dict.fromkeys(numbers))
    chosen = [p for p in notebooks() if not numbers or p.name[:2] in numbers]
    if len(chosen) < len(numbers):
        print(
            f"error: no notebook for {' '.join(sorted(set(numbers) - {p.name[:2] for p in chosen}))}; name them like 03",
            file=sys.stderr,
        )
        return 1
    failed = 0
    for path in chosen:
        try:
            notebook, seconds, peak = execute(path)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            print(f"{path.name}: FAILED\n{str(error)[-3000:]}")
            failed += 1
            continue
        complaints = tidy(notebook)
        first = notebook.cells[0]
        first.source = re.sub(
            r"(\| [\d?]+ min to read), [^|]* s to run \| [^|]* GB \|",
            rf"\1, {seconds:.0f} s to run | {peak:.1f} GB |",
            first.source,
        )
        notebook.metadata["course"] = {"code": code_hash(notebook)}
        half = path.with_suffix(".part")
        nbformat.write(notebook, half)
        os.replace(half, path)
        print(
            f"{path.name}: {seconds:.0f} s, {peak:.1f} GB, {path.stat().st_size // 1000} KB"
            + "".join(f"\n  {c}" for c in complaints),
            flush=True,
        )
        failed += bool(complaints)
    write_tables()
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
