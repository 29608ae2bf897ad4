"""Whether a package was installed where a step ran, from the list that the step stored under its digest."""

from assay.errors import AssayError
from assay.store import Store


def has_package(environment: str, requirement: str, store: Store) -> bool:
    """requirement: as pip writes it, such as `numpy<2` or `numpy`.

    True as well where the list is gone: what cannot be looked up cannot be excluded.
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
    return any(wanted.specifier.contains(version, prereleases=True) for version in versions)
