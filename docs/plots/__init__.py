"""The figures of the documents: which numbers they show, and how; `docs/make_figures.py` writes them."""
