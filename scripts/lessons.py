"""Write lessons/*.py from the cells marked ``#| export`` in the notebooks (nbdev's exporter). The notebooks are their only source."""

import os
import re
import tempfile
import warnings
from pathlib import Path

from utils import ROOT


def export(folder: Path) -> list[Path]:
    """Export every notebook that names a module into ``folder``; returns the modules written, each whole or not at all.

    The module is named by ``#| default_exp``; a cell may name another: ``#| export counting``.
    """
    from nbdev.export import nb_export
    from nbdev.maker import ModuleMaker

    def anew(**options) -> ModuleMaker:  # nbdev would add to a second module that is there already
        return ModuleMaker(**options | {"is_new": True})

    written = []
    with (
        tempfile.TemporaryDirectory() as place
    ):  # nbdev makes imports relative where the folder bears the library's name
        for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
            names = sorted(set(re.findall(r"#\| (?:default_exp|export) (\w+)", notebook.read_text(encoding="utf-8"))))
            if not names:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                nb_export(notebook, lib_path=place, mod_maker=anew)
            for name in names:
                text = (Path(place) / f"{name}.py").read_text(encoding="utf-8")
                half = folder / f"{name}.part"
                half.write_text(
                    re.sub(r"(?<= )\S*notebooks/(\d\d_\S+\.ipynb)", r"../notebooks/\1", text), encoding="utf-8"
                )
                os.replace(half, folder / f"{name}.py")
                written.append(folder / f"{name}.py")
    return written


if __name__ == "__main__":
    for path in export(ROOT / "lessons"):
        print(path.relative_to(ROOT))
