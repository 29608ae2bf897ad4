"""What the model was made with: the software bill of materials, and whether the environment is the one it names."""

from tasks.reporting.blocks import Block, Cell, Digest, Told, Words
from tasks.reporting.fact import Fact


def supply_chain_blocks(facts: Fact) -> tuple[Block, ...]:
    """Where the bill lies; the rest is told plainly."""
    if not facts.at("sbom").text:
        return ()
    return (
        Words(
            (Told(facts.at("components")), " components are in the bill of materials ", Digest(facts.at("sbom")), ".")
        ),
    )


def supply_chain_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    if not facts.at("components").is_there:
        return ("The software it was made with was looked at; see the section.",)
    problem = facts.at("lock", "problem")
    compared = (" Not compared with a lock: ", Told(problem)) if problem.is_there else ()
    return ("Made with ", Told(facts.at("components")), " software components, all written down.", *compared)
