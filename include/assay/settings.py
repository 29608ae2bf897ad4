"""The one reader of deployment facts: where each engine is and which keys to use.

Values come from environment variables with prefix `ASSAY_`, else from `settings.env` in the home
folder (written by `assay up`, owner-only). Code asks for a port's URL, never whether it is embedded.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from assay.errors import SpecError

ENV_FILE_NAME = "settings.env"
_PREFIX = "assay_"


class Settings(BaseModel):
    """Every port Assay talks to. An empty URL means: not configured, and a step that needs it says so."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    home: Path = Path(".assay")
    pipelines: Path = Field(default=Path("include/pipelines"), description="folder of pipeline specs")
    keys: Path = Field(default=Path(".assay/keys"), description="folder of signing keys, owner-only")

    database_url: SecretStr = Field(default=SecretStr(""), description="PostgreSQL of ledger and lineage (libpq URI)")
    store_url: str = Field(default="", description="artifact store: s3://BUCKET/PREFIX or file:///FOLDER")
    s3_endpoint_url: str = ""
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_region: str = "us-east-1"

    mlflow_url: str = ""
    airflow_url: str = ""
    airflow_username: str = ""
    airflow_password: SecretStr = SecretStr("")
    ray_address: str = Field(default="", description="cluster to join; empty: a local Ray for the one task")
    triton_http_url: str = ""
    triton_grpc_url: str = Field(default="", description="HOST:PORT, no scheme")
    triton_admin_header: SecretStr = Field(
        default=SecretStr(""), description="NAME=VALUE header that Triton's management API demands"
    )
    triton_repository: Path = Path(".assay/triton/repository")
    triton_backend: str = Field(
        default="python", description="backend written into config.pbtxt: python or onnxruntime"
    )
    capture_url: str = Field(default="", description="where served requests are captured: file:///FOLDER")
    checkpoint_publish: str = Field(
        default="", description="where signed checkpoints go: file:///FILE, s3://BUCKET/PREFIX?lock_days=N, https://…"
    )
    checkpoint_secret: SecretStr = Field(default=SecretStr(""), description="key of the webhook's HMAC")
    retention_requests_days: int = Field(
        default=400, ge=1, description="how long served requests and their labels are kept as captured"
    )
    retention_events_days: int = Field(
        default=400,
        ge=183,
        description="how long OpenLineage events are kept as received; six months at least (EU AI Act, Art. 19 and 26)",
    )
    api_url: str = ""
    api_token: SecretStr = SecretStr("")


def default_home() -> Path:
    """`$ASSAY_HOME`, else `.assay` in the working directory; absolute."""
    return Path(os.environ.get("ASSAY_HOME", ".assay")).absolute()


def load_settings(home: Path | None = None) -> Settings:
    """Settings of `home` (default: `default_home()`); the environment wins over the file.

    Raises SpecError when a value does not parse.
    """
    root = (home or default_home()).absolute()
    env_file = root / ENV_FILE_NAME
    found = _named(dotenv_values(env_file)) | _named(os.environ)
    try:
        return Settings.model_validate({**found, "home": root})
    except ValidationError as error:
        raise SpecError(f"settings in {env_file} or ASSAY_*: {error}; mend the value and try again") from error


def _named(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Setting name -> value, of the variables that are Assay's."""
    return {
        name.lower().removeprefix(_PREFIX): value
        for name, value in variables.items()
        if name.lower().startswith(_PREFIX) and value is not None
    }
