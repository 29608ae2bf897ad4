"""The one registry of assets: an asset has one name and one URI, whoever mentions it."""

from airflow.sdk import Asset

SCHEME = "x-assay"


def drift_asset(pipeline: str) -> Asset:
    """Changes when a signed watch statement says that `pipeline` drifted and shall be trained anew."""
    return Asset(name=f"{pipeline}_drift", uri=f"{SCHEME}://drift/{pipeline}", group="drift")


def model_asset(pipeline: str) -> Asset:
    """Changes when a model of `pipeline` passed its gate and was deployed."""
    return Asset(name=f"{pipeline}_model", uri=f"{SCHEME}://model/{pipeline}", group="models")
