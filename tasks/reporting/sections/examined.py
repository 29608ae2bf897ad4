"""Every examination of the assay statement as a chapter: known ones with plots, any other plainly."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tasks.reporting.blocks import Block, Cell, Part, Section, Told, Words, shown
from tasks.reporting.fact import Fact
from tasks.reporting.sections.backdoors import backdoors_blocks, backdoors_headline
from tasks.reporting.sections.calibration import calibration_blocks, calibration_headline
from tasks.reporting.sections.clean import clean_blocks, clean_headline
from tasks.reporting.sections.corruption import corruption_blocks, corruption_headline
from tasks.reporting.sections.evasion import Read, evasion_blocks, evasion_headline
from tasks.reporting.sections.explanations import explanations_blocks, explanations_headline
from tasks.reporting.sections.fairness import fairness_blocks, fairness_headline
from tasks.reporting.sections.plain import plain_blocks, words_of
from tasks.reporting.sections.privacy import privacy_blocks, privacy_headline
from tasks.reporting.sections.screen import screen_blocks, screen_headline
from tasks.reporting.sections.slices import slices_blocks, slices_headline
from tasks.reporting.sections.stress import stress_blocks, stress_headline
from tasks.reporting.sections.supply_chain import supply_chain_blocks, supply_chain_headline
from tasks.screening.shown_rows import clean

CLEAN_FACTS = frozenset(
    {
        *("rows", "metrics", "ci95", "class_recall", "class_prior", "recent", "predictions"),
        *("asked", "not_examined", "purpose"),
    }
)


@dataclass(frozen=True)
class Known:
    """An examination that has words and plots of its own."""

    title: str
    question: str
    blocks: Callable[[Fact, Read], tuple[Block, ...]]
    headline: Callable[[Fact], tuple[Cell, ...]]


def _apart(blocks: Callable[[Fact], tuple[Block, ...]]) -> Callable[[Fact, Read], tuple[Block, ...]]:
    """For facts that cite no file."""
    return lambda facts, _: blocks(facts)


KNOWN = {
    "evasion": Known(
        "Attacks on inputs", "Can a small change of an input turn the answer?", evasion_blocks, evasion_headline
    ),
    "corruption": Known(
        "Noise and weather",
        "Does it hold when nature spoils the images?",
        _apart(corruption_blocks),
        corruption_headline,
    ),
    "calibration": Known(
        "Calibration", "Is it right as often as it says?", _apart(calibration_blocks), calibration_headline
    ),
    "fairness": Known("Fairness", "Do groups of people fare alike?", _apart(fairness_blocks), fairness_headline),
    "slices": Known("Worst slices", "Where does it err more than elsewhere?", _apart(slices_blocks), slices_headline),
    "privacy": Known("Privacy", "What does it give away?", _apart(privacy_blocks), privacy_headline),
    "backdoors": Known("Backdoors", "Does a hidden trigger command it?", backdoors_blocks, backdoors_headline),
    "explanations": Known(
        "Explanations", "What do its answers rest on?", _apart(explanations_blocks), explanations_headline
    ),
    "stress": Known("Stress", "Is it quick, and does it bear odd inputs?", _apart(stress_blocks), stress_headline),
    "supply_chain": Known(
        "Supply chain", "What software was it made with?", _apart(supply_chain_blocks), supply_chain_headline
    ),
}


def examined_sections(assay: Fact, derived: Fact, read: Read) -> list[Section]:
    """assay: facts of its statement. Clean metrics first, then what is known, then the rest in order."""
    question = "How often is it right on rows it never saw?"
    clean_section = Section("accuracy", "Accuracy", question, clean_blocks(assay, derived))
    found = dict(assay.items())
    return [clean_section, *(_section(name, found[name], read) for name in _in_order(found))]


def _in_order(found: Iterable[str]) -> list[str]:
    """Known examinations first, as they stand in `KNOWN`, then the others."""
    names = [name for name in found if name not in CLEAN_FACTS]
    return [*(name for name in KNOWN if name in names), *(name for name in names if name not in KNOWN)]


def screen_section(facts: Fact) -> Section:
    """facts: of the screen statement."""
    blocks = _whole(screen_blocks(facts), facts)
    return Section("data-screen", "Data screen", "Were the training data sound?", blocks)


def headlines(assay: Fact, screen: Fact) -> list[tuple[Cell, ...]]:
    """What was tested, a sentence each."""
    told = [clean_headline(assay)] if assay.at("metrics").items() else []
    found = dict(assay.items())
    for name in _in_order(found):
        facts = found[name]
        if facts.at("problem").is_there:
            told.append((f"{_title(name)}: not measured: ", Told(facts.at("problem"))))
        else:
            told.append(
                KNOWN[name].headline(facts) if name in KNOWN else (f"{_title(name)}: examined; see the section.",)
            )
    return [*told, screen_headline(screen)] if screen.at("rows").is_there else told


def _section(name: str, facts: Fact, read: Read) -> Section:
    known = KNOWN.get(name)
    problem = facts.at("problem")
    blocks: tuple[Block, ...] = (Words(("Not measured: ", Told(problem))),) if problem.is_there else ()
    if known is not None and not (problem.is_there and len(facts.items()) == 1):
        blocks += known.blocks(facts, read)
    question = known.question if known else ""
    return Section(f"examined-{_anchor(name)}", _title(name), question, _whole(blocks, facts))


def _whole(blocks: tuple[Block, ...], facts: Fact) -> tuple[Block, ...]:
    """With every fact that the blocks do not show."""
    rest = plain_blocks(facts, frozenset(fact.pointer for fact in shown(blocks)))
    return (*blocks, Part("Further facts", rest)) if blocks and rest else (*blocks, *rest)


def _title(name: str) -> str:
    return KNOWN[name].title if name in KNOWN else clean(words_of(name), 60).capitalize()


def _anchor(name: str) -> str:
    return "".join(one if one.isalnum() and one.isascii() else "-" for one in name.lower())[:60]
