"""Plumbing of the course: data, pretrained models, training, plots, widgets and checks. Import the modules, not this package."""

import os

# Two OpenMP threads that spin while they wait can be ten times slower than one on a busy machine. Read by torch at import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
