"""Whether a package was installed where a step ran, from the list that the step stored under its digest."""

from typing import TYPE_CHECKING

from assay.errors import AssayError
from assay.store import Store

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


def has_package(environment: str, requirement: str, store: Store) -> bool:
    """requirement: as pip writes it, such as `numpy<2` or `numpy`.

    True as well where the list is gone, or names a version that cannot be compared: what cannot be looked up cannot be
    excluded.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted = Requirement(requirement)
    name = canonicalize_name(wanted.name)
    try:
        lines = store.read(environment).decode().splitlines()
    except AssayError:
        return True
    installed = (line.partition("==") for line in lines)
    versions = [version for found, _, version in installed if canonicalize_name(found) == name]
    return any(_may_be(version, wanted.specifier) for version in versions)


def _may_be(version: str, specifier: "SpecifierSet") -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True
