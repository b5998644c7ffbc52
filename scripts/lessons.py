"""Write lessons/*.py from the cells marked ``#| export`` in the notebooks (nbdev's exporter). The notebooks are their only source."""

import os
import re
import tempfile
import warnings
from pathlib import Path

from utils import ROOT


def export(folder: Path) -> list[Path]:
    """Export every notebook that names a module (``#| default_exp``) into ``folder``; returns the modules written, each whole or not at all."""
    from nbdev.export import nb_export

    written = []
    with (
        tempfile.TemporaryDirectory() as place
    ):  # nbdev makes imports relative where the folder bears the library's name
        for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
            names = re.findall(r"#\| default_exp (\w+)", notebook.read_text(encoding="utf-8"))
            if not names:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                nb_export(notebook, lib_path=place)
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
