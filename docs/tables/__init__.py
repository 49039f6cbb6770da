"""The tables of the documents, each a function from `Results` to Markdown; `docs/make_tables.py` puts them in their places."""
