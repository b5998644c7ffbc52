"""One module a notebook: the checks behind its exercises, each with hints that name the mistake, and its quiz."""
