"""Bring every source of a collector into one folder."""

from collections.abc import Sequence

from assay.settings import Settings
from assay.sources.http import fetch_http
from assay.sources.installed import fetch_installed
from assay.sources.landing import FetchedSource, Landing
from assay.sources.local import fetch_path
from assay.sources.packages import fetch_npm, fetch_pypi
from assay.sources.s3 import fetch_s3
from assay.sources.sql import fetch_sql
from assay.spec import AnySource, CapturedSource, HttpSource, PackageSource, PathSource, S3Source, SqlSource

_FetchedHere = PathSource | S3Source | HttpSource | PackageSource | SqlSource


def fetch_sources(sources: Sequence[AnySource], landing: Landing, settings: Settings) -> list[FetchedSource]:
    """Everything but captured rows, in the spec's order, every checksum in the spec verified."""
    return [
        _fetch(source, landing, settings, number)
        for number, source in enumerate(sources, start=1)
        if not isinstance(source, CapturedSource)
    ]


def _fetch(source: _FetchedHere, landing: Landing, settings: Settings, number: int) -> FetchedSource:
    match source:
        case PathSource():
            return fetch_path(source, landing)
        case S3Source():
            return fetch_s3(source, landing, settings)
        case HttpSource():
            return fetch_http(source, landing)
        case SqlSource():
            return fetch_sql(source, landing, number)
    if source.source == "installed":
        return fetch_installed(source, landing)
    return (fetch_npm if source.source == "npm" else fetch_pypi)(source, landing, settings)
