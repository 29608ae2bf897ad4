"""What the model was examined with: an SBOM in the store, and whether the environment is the one its lock names."""

from assay.digests import canonical_json
from assay.json_types import JsonObject
from assay.records import Check, Verdict
from tasks.examination.case import Examined, ModelCase
from tasks.supply_chain.cyclonedx import component_count
from tasks.supply_chain.environment_bom import environment_bom
from tasks.supply_chain.installed_files import Depth, check_files
from tasks.supply_chain.lock import lock_of_environment
from tasks.supply_chain.packages import installed_packages
from tasks.supply_chain.verify_environment import NO_LOCK, drift_facts, files_check, lock_check


def examine_supply_chain(case: ModelCase) -> Examined:
    """FAILED where the environment departs from the lock it was installed from, or a package's file from its hash.

    An environment of another make (an image, a plain `pip install`) has no lock: its SBOM is put away, and that it was
    compared with none stands in the facts and in the check's words. facts: sbom, components, lock, files.
    """
    lock = lock_of_environment()
    packages = installed_packages()
    bom = environment_bom(packages, lock)
    files = check_files(packages, Depth.SOURCES)
    sbom = case.store.put_bytes(canonical_json(bom))
    case.say(f"assay: SBOM of {component_count(bom)} components, {'a lock' if lock else 'no lock'} to compare with")
    compared: JsonObject = drift_facts(packages, lock) if lock else {"problem": NO_LOCK}
    facts: JsonObject = {
        "sbom": sbom,
        "components": component_count(bom),
        "lock": compared,
        "files": files.to_json(),
    }
    of_packages = lock_check(packages, lock) if lock else _no_lock(sbom)
    return Examined(facts, (of_packages, files_check(files, Depth.SOURCES)))


def _no_lock(sbom: str) -> Check:
    return Check("environment is written down", Verdict.PASSED, f"SBOM {sbom[:12]}; {NO_LOCK}")
