"""Clients for the configured S3: boto3's, which knows all of it, and obstore's, which is there at once.

boto3 takes a quarter of a second to import and make ready, which each command and each task would pay that reads one
object. obstore (Rust's `object_store`) takes ten milliseconds, and a download that breaks goes on where it broke.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import SpecError
from assay.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # type: ignore[import-not-found]  # stubs are optional
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import ClientConfig, S3Config
    from obstore.store import S3Store as Bucket

_CONNECT_SECONDS, _READ_SECONDS = 5, 60
_WHOLE_ANSWER = timedelta(days=1)  # a large object may take long: what counts is that bytes keep coming
_LONGEST_RETRYING = timedelta(minutes=3)


def s3_client(settings: Settings, attempts: int = 4) -> "S3Client":
    """A boto3 client for the configured S3, with bounded waits."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url or None,
        aws_access_key_id=settings.s3_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
        region_name=settings.s3_region,
        config=Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"max_attempts": attempts, "mode": "standard"},
        ),
    )


def open_bucket(settings: Settings, bucket: str, prefix: str = "", attempts: int = 4) -> "Bucket":
    """An obstore store whose keys are below `prefix`, with bounded waits; nothing is connected yet.

    Without keys in the settings boto3 finds credentials as it always does: variables, profile, role. As with boto3,
    `AWS_CA_BUNDLE` names certificates to trust. Raises SpecError when there are no credentials.
    """
    from obstore.store import S3Store as Bucket

    config: S3Config = {"region": settings.s3_region}
    if settings.s3_endpoint_url:
        config["endpoint"] = settings.s3_endpoint_url
    is_given = bool(settings.s3_access_key.get_secret_value())
    if is_given:
        config["access_key_id"] = settings.s3_access_key.get_secret_value()
        config["secret_access_key"] = settings.s3_secret_key.get_secret_value()
    return Bucket(
        bucket,
        prefix=prefix or None,
        config=config,
        client_options=_client_options(settings.s3_endpoint_url),
        retry_config={"max_retries": attempts - 1, "retry_timeout": _LONGEST_RETRYING},
        credential_provider=None if is_given else _found_credentials(settings.s3_region),
    )


def _client_options(endpoint: str) -> "ClientConfig":
    options: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=_READ_SECONDS),
        "timeout": _WHOLE_ANSWER,
    }
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        options["root_certificate"] = Path(bundle).read_bytes()
    return options


def _found_credentials(region: str) -> "Boto3CredentialProvider":
    import boto3
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider(boto3.Session(region_name=region))
    except ValueError as error:
        raise SpecError(
            "ASSAY_S3_ACCESS_KEY: expected a key, or credentials where boto3 looks for them, found none; set it, "
            "AWS_PROFILE or the pod's role"
        ) from error
