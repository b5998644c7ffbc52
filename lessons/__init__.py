"""Modules exported from the notebooks by ``make lessons``: the notebooks are their only source, never edit them here."""
