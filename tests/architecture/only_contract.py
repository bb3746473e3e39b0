"""A contract type for import-linter that names all a package may import; its own kinds can only name what it may not."""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """The source modules, with all below them, import directly only themselves, the standard library and what is allowed."""

    type_name = "only"

    source_modules = fields.SetField(subfield=fields.ModuleField())
    allowed_modules = fields.SetField(subfield=fields.ModuleField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at every direct import of every source module."""
        allowed = _names(self.allowed_modules)
        strays: list[str] = []
        for source in sorted(_names(self.source_modules)):
            for importer in sorted({source} | graph.find_descendants(source)):
                imported = graph.find_modules_directly_imported_by(importer)
                strays += [f"{importer} imports {name}" for name in sorted(imported) if not _may(name, allowed | {source})]
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that is not allowed."""
        for stray in check.metadata["strays"]:
            output.print_error(stray)


def _names(modules: Any) -> set[str]:
    """The names of a field's modules; a field that is left empty is None."""
    return {module.name for module in modules or ()}


def _may(name: str, allowed: set[str]) -> bool:
    """Whether a module is allowed by its own name or a parent's, or is of the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names or any(f"{name}.".startswith(f"{a}.") for a in allowed)
