"""The course's solutions: markdown cells tagged ``solution``, folded on every page, which the last cell of their notebook runs."""

import json
import linecache
import re
from pathlib import Path

from utils import ROOT
from utils.checks import Verdict, check, exercises

NOTEBOOKS = ROOT / "notebooks"


def solutions(path: Path) -> list[str]:
    """The code of each solution in a notebook, in order ("" for a cell tagged ``solution`` without a python fence).

    Raises ValueError, with one sentence, where the file cannot be read as a notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        folded = ["".join(cell["source"]) for cell in cells if "solution" in cell["metadata"].get("tags", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} cannot be read as a notebook ({type(error).__name__}); put the course's own file back"
        ) from None
    return ["\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)) for text in folded]


def solutions_pass(notebook: str, namespace: dict) -> None:
    """Run the solutions of a notebook ("05") through the checks of their exercises and show a verdict each; progress stays as it is.

    Each runs in its own copy of ``namespace``, the caller's ``globals()``: a reader's function of the same name stays. They come from the
    course's own notebook, wherever the caller's copy lies. Raises AssertionError with the number of the exercise whose solution fails
    or is missing, ValueError where the notebook is missing or cannot be read.
    """
    path = next(NOTEBOOKS.glob(f"{notebook}_*.ipynb"), None)
    if path is None:
        raise ValueError(f"there is no notebook {notebook!r} in {NOTEBOOKS}; write two digits, like '05'")
    verdicts = {}

    def judge(number: str, answer) -> Verdict:
        verdicts[number] = check(number, answer, record=False)
        return verdicts[number]

    for place, code in enumerate(solutions(path), start=1):
        named = re.search(r"check\(\"(\d\d\.\d)\"", code)
        label = f"Exercise {named[1]}" if named else f"Notebook {notebook}, solution {place}"
        file = f"<{label}: the course's solution>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)  # tracebacks show its lines
        try:
            exec(compile(code, file, "exec", dont_inherit=True), {**namespace, "check": judge})
        except Exception as error:
            raise AssertionError(f"{label}: the course's solution raises {type(error).__name__}: {error}") from error
        for verdict in verdicts.values():
            if not verdict:
                raise AssertionError(f"the course's solution does not pass. {verdict.text}")
    for number in exercises().get(notebook, []):
        if number not in verdicts:
            raise AssertionError(f"Exercise {number}: no solution of the course calls its check")
