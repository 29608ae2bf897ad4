"""The software bill of materials of the running environment: every installed package, and what needs what."""

import platform
from collections.abc import Mapping
from urllib.parse import quote

from assay.json_types import Json, JsonObject
from tasks.supply_chain.cyclonedx import document, hashes, properties
from tasks.supply_chain.lock import Lock, Locked
from tasks.supply_chain.packages import Package, needs

ROOT = "environment"


def environment_bom(packages: Mapping[str, Package], lock: Lock | None) -> JsonObject:
    """CycloneDX 1.6, with the hashes of the archives that the lock allows. No clock: equal input, equal bytes."""
    edges = {package_ref(packages[name]): _refs(needed, packages) for name, needed in needs(packages).edges.items()}
    return document(
        _subject(lock),
        [_component(package, lock.packages.get(name) if lock else None) for name, package in packages.items()],
        {ROOT: list(edges), **edges},
    )


def package_ref(package: Package) -> str:
    """Its package URL (https://github.com/package-url/purl-spec): what names it here and anywhere."""
    return f"pkg:pypi/{quote(package.name)}@{quote(package.version)}"


def _refs(names: tuple[str, ...], packages: Mapping[str, Package]) -> list[str]:
    return [package_ref(packages[name]) for name in names]


def _subject(lock: Lock | None) -> JsonObject:
    told = (
        ("implementation", platform.python_implementation()),
        ("lock-sha256", lock.sha256 if lock else "none"),
        ("machine", f"{platform.system()} {platform.machine()}"),
        ("python", platform.python_version()),
    )
    return {"type": "platform", "bom-ref": ROOT, "name": "python environment", "properties": properties(told)}


def _component(package: Package, locked: Locked | None) -> JsonObject:
    """Where the lock allows several archives, nothing on the machine tells which one was installed."""
    purl = package_ref(package)
    archives = locked.archives if locked else ()
    told = [("record-sha256", package.record), *(("archive-sha256", one) for one in archives)]
    made: dict[str, Json] = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "properties": properties(told),
    }
    if package.licence:
        made["licenses"] = [_licence(package.licence)]
    if len(archives) == 1:
        made["hashes"] = hashes(archives)
    return made


def _licence(words: str) -> JsonObject:
    from cyclonedx.spdx import is_expression, is_supported_id

    if is_supported_id(words):
        return {"license": {"id": words}}
    return {"expression": words} if is_expression(words) else {"license": {"name": words}}
