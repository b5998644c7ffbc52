"""Plumbing of the course: data, pretrained models, training, plots, widgets and checks. Import the modules, not this package."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the course's folder

# Two OpenMP threads that spin while they wait can be ten times slower than one on a busy machine. Read by torch at import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def chosen_path(variable: str, default: Path) -> Path:
    """The path that an environment variable names, or the default where it is not set.

    Raises ValueError unless the path is absolute: a relative one means another place to make than to a notebook.
    """
    value = os.environ.get(variable)
    if value is None:
        return default
    if not Path(value).is_absolute():
        raise ValueError(f"{variable} is {value!r}, which is no absolute path. Set it to one that begins at the root, or unset it.")
    return Path(value)
