"""A scan as JUnit XML: a test case a file, and one a canary, so that a missed one fails the run too."""

from pathlib import Path
from xml.etree import ElementTree

from tasks.scanning.scan_paths import ScannedFile, ScanReport


def write_junit(report: ScanReport, path: Path) -> None:
    ElementTree.ElementTree(as_junit(report)).write(path, encoding="utf-8", xml_declaration=True)


def as_junit(report: ScanReport) -> ElementTree.Element:
    """One suite; a refused file is a failure, a missed canary an error."""
    refused = sum(1 for scanned in report.files if scanned.findings)
    missed = [canary for canary in report.canaries if not canary.is_found]
    suite = ElementTree.Element(
        "testsuite",
        name="assay scan",
        tests=str(len(report.files) + len(report.canaries)),
        failures=str(refused),
        errors=str(len(missed)),
        time=f"{report.seconds:.3f}",
    )
    for scanned in report.files:
        _file_case(suite, scanned)
    for canary in report.canaries:
        case = ElementTree.SubElement(suite, "testcase", classname="canary", name=canary.format, time="0")
        if not canary.is_found:
            message = f"the scanner let its own known-bad {canary.format} pass; no verdict stands"
            ElementTree.SubElement(case, "error", message=message)
    return suite


def _file_case(suite: ElementTree.Element, scanned: ScannedFile) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=f"scan.{scanned.format}", name=scanned.path, time=f"{scanned.seconds:.3f}"
    )
    if scanned.findings:
        first = scanned.findings[0]
        failure = ElementTree.SubElement(case, "failure", type=first.rule, message=first.detail)
        failure.text = "\n".join(f"{one.severity.value} {one.rule}: {one.detail}" for one in scanned.findings)
