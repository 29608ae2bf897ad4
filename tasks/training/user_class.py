"""User code by class path: `package.module:ClassName`."""

import importlib
from typing import Any

from assay.errors import SpecError


def load_class(class_path: str) -> Any:
    """Import the class. Raises SpecError when the module or the class is not there."""
    module_name, _, class_name = class_path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"{class_path}: {error}; check the class path in the spec (`assay check`)") from error
