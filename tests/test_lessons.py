"""The modules in lessons are what the notebooks export, and import only lessons of earlier notebooks."""

import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_lessons_are_in_step_with_their_notebooks(tmp_path):
    from scripts.lessons import export

    written = export(tmp_path)
    assert written
    for path in written:
        committed = ROOT / "lessons" / path.name
        assert committed.exists() and committed.read_text() == path.read_text(), (
            f"run `make lessons`: {path.name} differs from its notebook"
        )
    committed = {p.name for p in (ROOT / "lessons").glob("*.py")} - {"__init__.py", "_modidx.py"}
    assert committed == {p.name for p in written}, "a lesson without a notebook"


def imported(path):
    """All modules that a Python file names in its imports, ``from utils import widgets`` as utils.widgets."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_arrows_point_one_way():
    """lessons know nothing of widgets and checks, and only earlier lessons; utils knows nothing of lessons, exercises, benchmarks, scripts."""
    home = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        for module in re.findall(r"#\| (?:default_exp|export) (\w+)", path.read_text()):
            home[module] = path.name[:2]
    for module, number in home.items():
        names = imported(ROOT / "lessons" / f"{module}.py")
        wrong = {
            name for name in names if re.match(r"utils\.(widgets|checks)|(exercises|benchmarks|scripts|tests)\b", name)
        }
        assert not wrong, f"{module} imports {wrong}"
        for other in (name.split(".")[1] for name in names if name.startswith("lessons.")):
            assert home[other] < number, f"{module} ({number}) imports {other} ({home[other]})"
    for path in sorted((ROOT / "utils").glob("*.py")):
        wrong = {name for name in imported(path) if re.match(r"(lessons|exercises|benchmarks|scripts|tests)\b", name)}
        assert not wrong, f"{path.name} imports {wrong}"
    for path in sorted((ROOT / "exercises").glob("*.py")):
        wrong = {name for name in imported(path) if re.match(r"(benchmarks|scripts|tests)\b", name)}
        assert not wrong, f"{path.name} imports {wrong}"


def test_utils_has_no_circles():
    arrows = {
        p.stem: {n.split(".")[1] for n in imported(p) if n.startswith("utils.")} for p in (ROOT / "utils").glob("*.py")
    }
    modules = {name: {other for other in others if other in arrows} for name, others in arrows.items()}
    while modules:
        free = {name for name, others in modules.items() if not others & set(modules) - {name}}
        assert free, f"a circle of imports among {sorted(modules)}"
        modules = {name: others for name, others in modules.items() if name not in free}


def test_a_lesson_is_short_and_used():
    """A lesson has 250 lines of code at most (the exporter's marks and empty lines left out), and each name that it exports is used."""
    folders = ("notebooks", "lessons", "exercises", "benchmarks", "scripts", "tests")
    texts = {
        p: p.read_text(encoding="utf-8")
        for f in folders
        for p in (ROOT / f).rglob("*")
        if p.suffix in (".py", ".ipynb")
    }
    for path in sorted((ROOT / "lessons").glob("[a-z]*.py")):
        lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("# ")]
        assert len(lines) <= 250, f"{path.name} has {len(lines)} lines of code"
        home = re.search(r"(\d\d_\w+\.ipynb)", path.read_text())[1]
        used = {n for p, text in texts.items() if p != path and p.name != home for n in used_names(path.stem, text)}
        own = {n.name for n in ast.parse(path.read_text()).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        inside = path.read_text()
        idle = {n for n in own - used if len(re.findall(rf"\b{n}\b", inside)) <= 2}  # its definition and __all__
        assert not idle, f"{path.name} exports {sorted(idle)}, which nothing uses: take `#| export` away"


def used_names(module, text):
    """Names that a text takes from a lesson, by ``from lessons.module import (...)`` or as attributes of the module."""
    text = text.replace('\\n",\n', "\n").replace('\n    "', "\n")
    found = set()
    for names in re.findall(rf"from lessons\.{module} import \(?([\w,\s\\\"]+)", text):
        found |= set(re.findall(r"\w+", names))
    for alias in re.findall(
        rf"(?:from lessons import {module} as|import lessons\.{module} as) (\w+)|from lessons import ({module})\b", text
    ):
        found |= set(re.findall(rf"\b{next(filter(None, alias))}\.(\w+)", text))
    return found


def test_nothing_edits_sys_path_but_the_set_up_cell():
    for folder in ("benchmarks", "scripts", "utils", "lessons", "exercises"):
        for path in (ROOT / folder).glob("*.py"):
            assert path.name == "setup_cell.py" or not re.search(r"sys\.path\.(insert|append)", path.read_text()), (
                f"{path} edits sys.path"
            )


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
