"""`settings.env` of a home: the URLs and credentials of its engines under the names `assay.settings` reads."""

from assay.settings import ENV_FILE_NAME
from assay.stack.home import Home, write_private


def write_settings(home: Home) -> None:
    """Owner-only; rewritten at each start, so that a changed port reaches everyone."""
    lines = [f'ASSAY_{name.upper()}="{value}"' for name, value in settings_of(home).items()]
    text = "# Written by `assay up`. Secrets: keep it owner-only.\n" + "\n".join(lines) + "\n"
    write_private(home.root / ENV_FILE_NAME, text)


def settings_of(home: Home) -> dict[str, str]:
    """Setting name -> value."""
    return {
        "pipelines": str(home.project / "include" / "pipelines"),
        "keys": str(home.root / "keys"),
        "database_url": home.database_url("assay"),
        "store_url": "s3://assay/store",
        "s3_endpoint_url": home.url("s3"),
        "s3_access_key": home.secrets["s3_access_key"],
        "s3_secret_key": home.secrets["s3_secret_key"],
        "mlflow_url": home.url("mlflow"),
        "airflow_url": home.url("airflow"),
        "airflow_username": "assay",
        "airflow_password": home.secrets["airflow_password"],
        "ray_address": f"127.0.0.1:{home.ports['ray']}",
        "triton_http_url": home.url("triton"),
        "triton_grpc_url": f"127.0.0.1:{home.ports['triton_grpc']}",
        "triton_admin_header": f"assay-admin={home.secrets['triton_admin']}",
        "triton_repository": str(home.triton_repository),
        "capture_url": (home.root / "capture").as_uri(),
        "api_url": home.url("api"),
        "api_token": home.secrets["api_token"],
    }
