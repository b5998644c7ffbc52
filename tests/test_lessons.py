"""The modules in utils/lessons are what the notebooks export, and import only lessons of earlier notebooks."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))


def test_lessons_are_in_step_with_their_notebooks(tmp_path):
    from lessons import export

    written = export(tmp_path)
    assert written
    for path in written:
        committed = ROOT / "utils" / "lessons" / path.name
        assert committed.exists() and committed.read_text() == path.read_text(), (
            f"run `make lessons`: {path.name} differs from its notebook"
        )
    committed = {p.name for p in (ROOT / "utils" / "lessons").glob("*.py")} - {"__init__.py", "_modidx.py"}
    assert committed == {p.name for p in written}, "a lesson without a notebook"


def test_arrows_point_one_way():
    home = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        for module in re.findall(r"#\| default_exp (\w+)", path.read_text()):
            home[module] = path.name[:2]
    for module, number in home.items():
        text = (ROOT / "utils" / "lessons" / f"{module}.py").read_text()
        assert not re.search(r"utils\.(widgets|checks|exercises)|from \.\.(widgets|checks|exercises)", text), (
            f"{module} imports a widget or a check"
        )
        for other in re.findall(r"(?:utils\.lessons\.|from \.)(\w+)", text):
            assert home[other] < number or home[other] == number, f"{module} ({number}) imports {other} ({home[other]})"


def test_nothing_is_defined_twice():
    """A name that a lesson exports is defined in one notebook, outside exercises and solutions."""
    homes = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "code" and text.startswith("#| export"):
                for name in re.findall(r"^(?:def|class) (\w+)", text, re.M):
                    homes.setdefault(name, []).append(path.name)
    assert homes and not {name: where for name, where in homes.items() if len(where) > 1}
