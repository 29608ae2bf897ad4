"""What every dataset must satisfy, whatever its spec expects: rows, classes, ids, usable inputs, a steady balance."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from assay.near_miss import suggestion
from assay.records import Check, Verdict
from tasks.validation.profile import Profile

if TYPE_CHECKING:
    from assay.dataset import DatasetVersion

_MOST_CLASSES = 1000
_FEWEST_ROWS_TO_DOUBT = 20
_SHOWN = 5
_CLASS_TYPES = ("int", "uint", "bool", "string", "large_string")
_NUMBER_TYPES = ("int", "uint", "float", "double", "halffloat", "bool", "decimal")


def schema_checks(
    version: "DatasetVersion", profile: Profile, tolerated: Collection[str], *, own_loader: bool
) -> tuple[Check, ...]:
    """tolerated: columns whose missing values an expectation governs. own_loader: the spec's loader takes any type."""
    if not profile.rows:
        return (_check("rows", "the version is empty; look at the collection's sources", 0.0, 1.0),)
    return (
        Check("rows", Verdict.PASSED, f"{profile.rows} rows", float(profile.rows), 1.0),
        _check("label", _label_problem(version, profile), float(len(profile.classes)), 2.0, _classes_told(profile)),
        _check("row ids", _id_problem(profile), float(len(profile.repeated_ids)), 0.0, "every row has its own"),
        _check("inputs", _input_problem(version, profile, own_loader), told=_inputs_told(profile)),
        _missing_values(profile, tolerated),
    )


def class_balance(profile: Profile, before: Mapping[str, float] | None, limit: float) -> Check:
    """The largest change of a class's share, in [0, 1], against the previous trusted version."""
    name = "class balance"
    if before is None:
        return Check(name, Verdict.PASSED, "no earlier trusted version to compare with", None, limit)
    now = profile.shares
    shifts = {label: abs(now.get(label, 0.0) - before.get(label, 0.0)) for label in {*now, *before}}
    label, shift = max(shifts.items(), key=lambda item: (item[1], item[0]))
    verdict = Verdict.PASSED if shift <= limit else Verdict.FAILED
    detail = f"class {label}: {before.get(label, 0.0):.1%} before, {now.get(label, 0.0):.1%} now, allowed ±{limit:.1%}"
    if verdict is Verdict.FAILED:
        detail += "; find out why, then raise data.max_class_shift if the change is real"
    return Check(name, verdict, detail, shift, limit)


def _check(
    name: str, problem: str, measured: float | None = None, threshold: float | None = None, told: str = ""
) -> Check:
    verdict = Verdict.FAILED if problem else Verdict.PASSED
    return Check(name, verdict, problem or told, measured, threshold)


def _label_problem(version: "DatasetVersion", profile: Profile) -> str:
    label, data_type = version.label, profile.types.get(version.label)
    if data_type is None:
        return f"no column {label!r}; {suggestion(label, profile.types)}"
    if profile.unlabelled:
        return f"{profile.unlabelled} rows have no {label}; label them or leave them out"
    if not data_type.startswith(_CLASS_TYPES) and not _all_whole(profile):
        return f"column {label!r} is {data_type}; expected classes: whole numbers, booleans or strings"
    count = len(profile.classes)
    if count < 2:
        return f"{label} has one class only: {', '.join(profile.classes)}; collect rows of the others"
    if count > _MOST_CLASSES or (profile.rows >= _FEWEST_ROWS_TO_DOUBT and count > profile.rows / 2):
        return f"{label} has {count} different values in {profile.rows} rows; is it the label column?"
    return ""


def _all_whole(profile: Profile) -> bool:
    """Whole numbers that arrived as floats, which CSV files do when cells were empty."""
    return all(label.removesuffix(".0").isdecimal() for label in profile.classes)


def _classes_told(profile: Profile) -> str:
    shown = sorted(profile.shares.items(), key=lambda item: -item[1])
    told = ", ".join(f"{label} {share:.1%}" for label, share in shown[:_SHOWN])
    return f"{len(shown)} classes: {told}{', …' if len(shown) > _SHOWN else ''}"


def _id_problem(profile: Profile) -> str:
    if not profile.repeated_ids:
        return ""
    shown = ", ".join(list(profile.repeated_ids)[:_SHOWN])
    return f"{len(profile.repeated_ids)} ids stand for more than one row: {shown}; choose another data.collector.row_id"


def _input_problem(version: "DatasetVersion", profile: Profile, own_loader: bool) -> str:
    if profile.problem:
        return profile.problem
    if version.kind == "image" and not own_loader and len(profile.widths) > 1 and _is_ragged(version, profile):
        return f"images of different sizes: {sorted(profile.widths)[:_SHOWN]} values; bring them to one size"
    if version.kind == "tabular" and not own_loader:
        odd = [f"{name} ({profile.types[name]})" for name in profile.features if not _is_number(profile.types[name])]
        if odd:
            return (
                f"columns that are no numbers: {', '.join(odd[:_SHOWN])}; encode them in a Collector or DatasetLoader"
            )
    return ""


def _is_ragged(version: "DatasetVersion", profile: Profile) -> bool:
    """Nested fixed-size lists have several widths, but the same in every row."""
    return not profile.types[profile.features[0]].startswith("fixed_size_list")


def _is_number(data_type: str) -> bool:
    return data_type.startswith(_NUMBER_TYPES)


def _inputs_told(profile: Profile) -> str:
    shown = ", ".join(f"{name} ({profile.types[name]})" for name in profile.features[:_SHOWN])
    return f"{len(profile.features)} input columns: {shown}{', …' if len(profile.features) > _SHOWN else ''}"


def _missing_values(profile: Profile, tolerated: Collection[str]) -> Check:
    found = {name: count for name, count in profile.missing.items() if count and name not in tolerated}
    total = sum(found.values())
    if not total:
        return Check("missing values", Verdict.PASSED, "no input is null, NaN or infinite", 0.0, 0.0)
    shown = ", ".join(f"{count} in {name}" for name, count in list(found.items())[:_SHOWN])
    detail = (
        f"{total} values are null, NaN or infinite: {shown}; fill or leave out these rows, or allow them with "
        "expect_column_values_to_not_be_null and `mostly`"
    )
    return Check("missing values", Verdict.FAILED, detail, float(total), 0.0)
