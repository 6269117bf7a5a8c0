"""Whether a dependency still has the private names that the package lists."""

import importlib
import inspect
from importlib.metadata import version

from stedi_assets.runs.private_names import PRIVATE_MODULES


def listed_names(package: str) -> list[tuple[str, str, str | None]]:
    """Returns the module, the name and the attribute of each entry of the list for a package."""
    return [
        (module, name, attribute)
        for module, private in PRIVATE_MODULES.items()
        if module.partition(".")[0] == package
        for name, attributes in private.names.items()
        for attribute in (None, *attributes)
    ]


def missing(module: str, name: str, attribute: str | None) -> str:
    """Returns a sentence on a name that is missing, and nothing where it is there."""
    package, private = module.partition(".")[0], PRIVATE_MODULES[module]
    found = getattr(importlib.import_module(module), name, None)
    if found is not None and (attribute is None or _has_attribute(found, attribute, package)):
        return ""
    return (
        f"{package} {version(package)} has no {module}.{name}{f'.{attribute}' if attribute else ''}, which "
        f"{', '.join(private.users)} of stedi_assets uses. {private.reason}"
    )


def _has_attribute(kind: type, attribute: str, package: str) -> bool:
    """Whether a class has an attribute, or one of its methods gives it to an instance."""
    bases = [base for base in inspect.getmro(kind) if base.__module__.startswith(package)]
    return hasattr(kind, attribute) or any(f"self.{attribute}" in inspect.getsource(base) for base in bases)
