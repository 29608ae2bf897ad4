"""What Airflow learns from the installed distribution: `x-assay://` is ours, and how OpenLineage names it."""

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from airflow.sdk import Asset
    from openlineage.client.event_v2 import Dataset

NAMESPACE = "assay"


def get_provider_info() -> dict[str, object]:
    """Entry point `apache_airflow_provider`: names functions by path, imports nothing."""
    return {
        "package-name": "assay",
        "name": "Assay",
        "description": "Nothing reaches production unassayed, and every decision can be proved afterwards.",
        "versions": ["0.1.0"],
        "asset-uris": [
            {
                "schemes": ["x-assay"],
                "handler": "operators.provider.sanitize_uri",
                "factory": "operators.provider.create_asset",
                "to_openlineage_converter": "operators.provider.to_openlineage",
            }
        ],
    }


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """`x-assay://KIND/NAME` and nothing else. Raises ValueError, as Airflow expects of a handler."""
    if not uri.netloc or not uri.path.strip("/") or uri.query or uri.fragment:
        raise ValueError(f"expected x-assay://KIND/NAME, found {uri.geturl()!r}")
    return uri


def create_asset(*, name: str, extra: dict[str, object] | None = None) -> "Asset":
    """The asset `x-assay://NAME`, for Airflow's asset factories."""
    from airflow.sdk import Asset

    return Asset(uri=f"x-assay://{name}", extra=dict(extra or {}))  # type: ignore[arg-type]


def to_openlineage(asset: "Asset", lineage_context: object) -> "Dataset":
    """`x-assay://model/digits` is the dataset `model/digits` in namespace `assay`."""
    from openlineage.client.event_v2 import Dataset

    del lineage_context
    uri = urlsplit(asset.uri)
    return Dataset(namespace=NAMESPACE, name=f"{uri.netloc}{uri.path}")
