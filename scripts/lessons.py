"""Write utils/lessons/*.py from the cells marked ``#| export`` in the notebooks (nbdev's exporter). The notebooks are their only source."""

import re
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def export(folder: Path) -> list[Path]:
    """Export every notebook that names a module (``#| default_exp``) into ``folder``; returns the modules written."""
    from nbdev.export import nb_export

    written = []
    for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        names = re.findall(r"#\| default_exp (\w+)", notebook.read_text(encoding="utf-8"))
        if names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                nb_export(notebook, lib_path=folder)
            for path in (folder / f"{name}.py" for name in names):  # the same text wherever the module is written
                path.write_text(re.sub(r"(?<= )\S*notebooks/(\d\d_\S+\.ipynb)", r"../../notebooks/\1", path.read_text()))
                written.append(path)
    return written


if __name__ == "__main__":
    for path in export(ROOT / "utils" / "lessons"):
        print(path.relative_to(ROOT))
    sys.exit(0)
