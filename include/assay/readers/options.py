"""What the spec may tell a built-in reader; an unknown key is an error with the nearest legal one."""

from collections.abc import Mapping

from assay.errors import SpecError
from assay.json_types import Json
from assay.near_miss import suggestion

# Read by the loaders, whatever the reader.
LOADER_OPTIONS = ("shape", "classes")


def known_options(options: Mapping[str, Json], legal: tuple[str, ...], reader: str) -> Mapping[str, Json]:
    """`options`, once every key is legal. Raises SpecError otherwise."""
    for name in options:
        if name not in (*legal, *LOADER_OPTIONS):
            hint = suggestion(name, (*legal, *LOADER_OPTIONS))
            raise SpecError(f"data.collector.options: the {reader} reader takes no {name!r}; {hint}")
    return options
