"""The service behind `sgps serve`: a page and an HTTP API for this computer alone; needs the extra `serve`."""
