from urllib.parse import urlsplit

import pytest

from operators.assets import drift_asset, model_asset
from operators.provider import get_provider_info, sanitize_uri, to_openlineage


def test_airflow_knows_the_scheme_of_the_installed_distribution() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    converters = ProvidersManagerTaskRuntime().asset_to_openlineage_converters
    assert converters["x-assay"] is to_openlineage
    assert get_provider_info()["package-name"] == "assay"


def test_model_asset_is_the_model_dataset_in_lineage() -> None:
    dataset = to_openlineage(model_asset("toy"), None)
    assert (dataset.namespace, dataset.name) == ("assay", "model/toy")


def test_an_asset_keeps_its_name_and_uri() -> None:
    assert (drift_asset("toy").name, drift_asset("toy").uri) == ("toy_drift", "x-assay://drift/toy")


@pytest.mark.parametrize("uri", ["x-assay://drift", "x-assay:///toy", "x-assay://drift/toy?x=1"])
def test_uri_that_names_nothing_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="x-assay://KIND/NAME"):
        sanitize_uri(urlsplit(uri))
