"""Plant one bug after the other, from tests/mutants.json, and see whether the notebook's own checks turn red: ``make mutants NB=05``.

A mutant names a notebook, a text in one of its code cells (or in the ``file`` it imports), and what stands there instead. It runs in a copy of the
course; a notebook notices when a cell fails. Exit status 1 when less than nine tenths are noticed.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from utils import ROOT
from utils.data import CACHE

LIST = ROOT / "tests" / "mutants.json"
FOLDERS = ("utils", "lessons", "exercises", "benchmarks", "notebooks", "data", "scripts")


def mutants() -> list[dict]:
    """The list: notebook, find, replace, why, and perhaps file (a path from the root)."""
    return json.loads(LIST.read_text(encoding="utf-8"))


def plant(mutant: dict, root: Path) -> Path:
    """Put the bug into the course at ``root``; returns the notebook to run. Raises ValueError unless its text stands there exactly once."""
    path = next((root / "notebooks").glob(f"{mutant['notebook']}_*.ipynb"))
    if mutant.get("file"):
        file = root / mutant["file"]
        text = file.read_text(encoding="utf-8")
        if text.count(mutant["find"]) != 1:
            raise ValueError(
                f"{mutant['file']}: {text.count(mutant['find'])} places read {mutant['find']!r}, expected one"
            )
        file.write_text(text.replace(mutant["find"], mutant["replace"]), encoding="utf-8")
        return path
    notebook = nbformat.read(path, as_version=4)
    hits = [cell for cell in notebook.cells if cell.cell_type == "code" and mutant["find"] in cell.source]
    if len(hits) != 1 or hits[0].source.count(mutant["find"]) != 1:
        raise ValueError(f"{path.name}: {len(hits)} cells hold {mutant['find']!r}, expected one place")
    hits[0].source = hits[0].source.replace(mutant["find"], mutant["replace"])
    nbformat.write(notebook, path)
    return path


def noticed(mutant: dict) -> str:
    """The first line of the error that the planted bug causes, or "" where the notebook runs to its end."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "course"
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("cache", "__pycache__"))
        shutil.copy(ROOT / "requirements.txt", root)
        path = plant(mutant, root)
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
        )
        try:
            client.execute()
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}".splitlines()[0][:110]
        except (CellTimeoutError, DeadKernelError) as error:
            return type(error).__name__
    return ""


def main(numbers: list[str]) -> int:
    """Run the mutants of the chosen notebooks (all when none is named); returns the exit status."""
    os.environ["TRANSFORMERS_COURSE_CACHE"] = str(CACHE)
    os.environ["TRANSFORMERS_COURSE_PROGRESS"] = str(Path(tempfile.mkdtemp()) / "progress.json")
    chosen = [mutant for mutant in mutants() if not numbers or mutant["notebook"] in numbers]
    if not chosen:
        print("error: no mutant for these notebooks; name them like 05", file=sys.stderr)
        return 1
    seen = 0
    for mutant in chosen:
        error = noticed(mutant)
        seen += bool(error)
        print(
            f"{mutant['notebook']} {'noticed ' if error else 'SURVIVES'} {mutant['why']}\n            {error}",
            flush=True,
        )
    print(f"{seen} of {len(chosen)} planted bugs noticed")
    return int(seen < 0.9 * len(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
