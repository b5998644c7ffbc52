"""Commands of the course, run from its root: ``python -m scripts.run 05``. The Makefile names them all."""
