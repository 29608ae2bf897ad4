"""Datasets as OpenLineage names them (namespace, name) and as one URI: both ways, so that producers meet."""

from urllib.parse import urlsplit

_LOCAL_FILES = "file"


def dataset_uri(namespace: str, name: str) -> str:
    """`s3://bucket` and `raw/x.csv` -> `s3://bucket/raw/x.csv`; `file` and `/x` -> `file:///x`."""
    if namespace == _LOCAL_FILES:
        return f"file://{name}"
    return f"{namespace.rstrip('/')}/{name.lstrip('/')}"


def dataset_identity(uri: str) -> tuple[str, str] | None:
    """(namespace, name) of a URI after OpenLineage's naming; None for one that names no place in a store."""
    parts = urlsplit(uri)
    namespace = f"{parts.scheme}://{parts.netloc}" if parts.netloc else parts.scheme
    name = uri.removeprefix(f"{parts.scheme}://").removeprefix(parts.netloc)
    identity = namespace, name.lstrip("/") if parts.netloc else name
    return identity if parts.scheme and dataset_uri(*identity) == uri else None
