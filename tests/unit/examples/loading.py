"""Loads a file of an example whose framework is not installed: stand-ins take the place of its imports."""

import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


class _Named(type):
    """Gives a class every constant, as its name: `Order.Margin`."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"{cls.__name__}.{name}"


class StandIn(metaclass=_Named):
    """A class of a framework, as far as an example derives from it at its import."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Take what the framework's own would."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Take the options of the framework's own classes (`frozen=True`)."""


class _Framework(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Named(name, (StandIn,), {})


def load(file: str, *modules: str, given: Mapping[str, Any] | None = None) -> Any:
    """Return an example's module; `given` names what its framework's modules have besides stand-ins."""
    framework = {name: _Framework(name) for name in modules}
    for one in framework.values():
        vars(one).update(given or {})
    spec = spec_from_file_location(f"example_{Path(file).stem}", EXAMPLES / file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with patch.dict(sys.modules, framework):
        spec.loader.exec_module(module)
    return module
