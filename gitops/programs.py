"""Reading a program's folder: its manifest, its parameters' schema, and the files that they name."""

import json
import posixpath
import tomllib
from collections.abc import Mapping

from gitops.build_files import build_errors, names_a_built_file
from gitops.index import ProgramRecord
from gitops.survey import PROGRAM_FILE
from gitops.tree import TreeEntry, TreeReader
from schemas.bot import ProgramVersion
from schemas.document import MOST_BYTES
from schemas.errors import ManifestError
from schemas.parameters import ParameterSchema, compile_parameters
from schemas.program import ProgramManifest, parse_program
from schemas.suggestions import nearest

MOST_FILES = 10_000
"""A program's folder with this many files is refused: it holds an environment or data, not a program."""

README_CHARACTERS = (50, 10_000)

_MOST_README_BYTES = 4 * README_CHARACTERS[1]
_MOST_LINKS = 10
_DEPENDENCY_FILES: Mapping[str, tuple[str, ...]] = {
    "python": ("uv.lock", "requirements.txt"),
    "nodejs": ("package-lock.json",),
}


def read_program(reader: TreeReader, folder: str, tree: str) -> ProgramRecord:
    """Read and check a program's folder, of this revision or of an earlier one."""
    path = posixpath.join(folder, PROGRAM_FILE)
    if folder == reader.subfolder:
        return _refused(
            folder, tree, path, "A program needs a folder of its own; move it to programs/<name>/"
        )
    entries = {entry.path: entry for entry in reader.folder(tree, folder)}
    files = sum(not entry.is_tree for entry in entries.values())
    if files >= MOST_FILES:
        message = f"The folder {folder} holds {files:,} files; a program may have fewer than {MOST_FILES:,}"
        return _refused(folder, tree, path, message, "ignore the files that are installed or generated")
    return _Folder(reader, folder, tree, entries).record()


def program_error(
    reader: TreeReader, record: ProgramRecord, key: str, message: str, suggestion: str | None = None
) -> ManifestError:
    """Return an error placed at one of the keys of a program's manifest, which is read again for it."""
    path = posixpath.join(record.folder, PROGRAM_FILE)
    manifest, _ = parse_program(path, reader.read(record.manifest_oid))
    if manifest is None:
        return ManifestError(path, 0, 0, f"/{key}", message, suggestion)
    return manifest.document.error((key,), message, suggestion)


def _refused(folder: str, tree: str, path: str, message: str, suggestion: str | None = None) -> ProgramRecord:
    error = ManifestError(path, 0, 0, "", message, suggestion)
    return ProgramRecord(folder, tree, name=posixpath.basename(folder), errors=(error,))


class _Folder:
    """One program's folder while it is read."""

    def __init__(self, reader: TreeReader, folder: str, tree: str, entries: Mapping[str, TreeEntry]) -> None:
        self._reader = reader
        self._folder = folder
        self._tree = tree
        self._entries = entries
        self._errors: list[ManifestError] = []

    def record(self) -> ProgramRecord:
        entry = self._entries[posixpath.join(self._folder, PROGRAM_FILE)]
        content = self._content(entry, MOST_BYTES)
        manifest, errors = parse_program(entry.path, content) if content is not None else (None, [])
        self._errors += errors
        self._check_entries()
        if manifest is None:
            name = posixpath.basename(self._folder)
            return ProgramRecord(self._folder, self._tree, entry.oid, name, errors=tuple(self._errors))
        program = self._version(manifest)
        parameters = self._parameters(manifest)
        self._check_readme(manifest)
        if not program.dependencies:
            self._check_unlocked(manifest)
        for pointer, named in (("bot", manifest.entrypoint), ("query", manifest.query_entrypoint)):
            if named and not names_a_built_file(manifest.runtime, named):
                self._named_file(manifest, ("entrypoints", pointer), named)
        self._errors += build_errors(manifest, self._folder, self._entries)
        return ProgramRecord(
            self._folder, self._tree, entry.oid, manifest.name, program, parameters, tuple(self._errors)
        )

    def _version(self, manifest: ProgramManifest) -> ProgramVersion:
        dependencies = self._dependencies(manifest.runtime)
        return ProgramVersion(
            name=manifest.name,
            version=manifest.version,
            type=manifest.type,
            runtime=manifest.runtime,
            entrypoint=manifest.entrypoint,
            query_entrypoint=manifest.query_entrypoint,
            path=self._folder,
            tree=self._tree,
            dependencies=posixpath.basename(dependencies.path) if dependencies else "",
            dependencies_id=dependencies.oid if dependencies else "",
        )

    def _dependencies(self, runtime: str) -> TreeEntry | None:
        names = next((names for kind, names in _DEPENDENCY_FILES.items() if runtime.startswith(kind)), ())
        for name in names:
            entry = self._entries.get(posixpath.join(self._folder, name))
            if entry and entry.is_file:
                return entry
        return None

    def _check_unlocked(self, manifest: ProgramManifest) -> None:
        """Warn of dependencies that stand only where nothing is installed from."""
        if manifest.runtime.startswith("nodejs"):
            self._check_package()
            return
        entry = self._entries.get(posixpath.join(self._folder, "pyproject.toml"))
        if entry is None or not entry.is_file or not manifest.runtime.startswith("python"):
            return
        content = self._content(entry, MOST_BYTES) or b""
        try:
            project = tomllib.loads(content.decode()).get("project")
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self._errors.append(ManifestError(entry.path, 0, 0, "", f"The file is no sound TOML: {error}"))
            return
        if isinstance(project, dict) and project.get("dependencies"):
            message = "These dependencies are not installed, since there is no uv.lock beside the file"
            self._errors.append(
                ManifestError(entry.path, 0, 0, "/project/dependencies", message, "uv lock", warning=True)
            )

    def _check_package(self) -> None:
        entry = self._entries.get(posixpath.join(self._folder, "package.json"))
        if entry is None or not entry.is_file:
            return
        try:
            package = json.loads(self._content(entry, MOST_BYTES) or b"{}")
        except (ValueError, RecursionError) as error:
            self._errors.append(ManifestError(entry.path, 0, 0, "", f"The file is no sound JSON: {error}"))
            return
        if isinstance(package, dict) and package.get("dependencies"):
            message = (
                "These dependencies are not installed, since there is no package-lock.json beside the file"
            )
            suggestion = "npm install --package-lock-only"
            self._errors.append(
                ManifestError(entry.path, 0, 0, "/dependencies", message, suggestion, warning=True)
            )

    def _parameters(self, manifest: ProgramManifest) -> ParameterSchema | None:
        entry = self._named_file(manifest, ("schema", "bot"), manifest.schema_path)
        content = self._content(entry, MOST_BYTES) if entry else None
        if entry is None or content is None:
            return None
        parameters, errors = compile_parameters(entry.path, content)
        self._errors += errors
        return parameters

    def _check_readme(self, manifest: ProgramManifest) -> None:
        entry = self._named_file(manifest, ("readme",), manifest.readme_path)
        content = self._content(entry, _MOST_README_BYTES) if entry else None
        if entry is None or content is None:
            return
        least, most = README_CHARACTERS
        count = len(content.decode("utf-8", "replace"))
        if not least <= count <= most:
            message = f"The readme has {count:,} characters; it needs {least} to {most:,}"
            self._errors.append(ManifestError(entry.path, 0, 0, "", message))

    def _named_file(
        self, manifest: ProgramManifest, pointer: tuple[str, ...], named: str
    ) -> TreeEntry | None:
        """Return the file that the manifest names, following links inside the folder; None is reported."""
        path = posixpath.normpath(posixpath.join(self._folder, named))
        for _ in range(_MOST_LINKS):
            entry = self._entries.get(path)
            if entry is None or not entry.is_link:
                break
            path = self._target(entry)
        if entry is not None and entry.is_file:
            return entry
        message = f'There is no file "{named}" in {self._folder}'
        self._errors.append(manifest.document.error(pointer, message, self._nearest_file(named)))
        return None

    def _nearest_file(self, named: str) -> str | None:
        start = len(self._folder) + 1
        return nearest(named, (path[start:] for path, entry in self._entries.items() if entry.is_file))

    def _content(self, entry: TreeEntry, most: int) -> bytes | None:
        if entry.size <= most:
            return self._reader.read(entry.oid)
        message = f"The file is {megabytes(entry.size)} large; it may have {megabytes(most)}. It was not read"
        self._errors.append(ManifestError(entry.path, 0, 0, "", message))
        return None

    def _check_entries(self) -> None:
        """Report links that lead out of the folder, and submodules: a bundle would lack what they lead to."""
        for entry in self._entries.values():
            if entry.is_submodule:
                message = "A submodule is not fetched; put its files into the program's folder"
                self._errors.append(ManifestError(entry.path, 0, 0, "", message))
            elif entry.is_link and not self._inside(target := self._target(entry)):
                message = f"The symbolic link leads out of the program's folder, {self._folder}"
                if leads_out(target):
                    message = "The symbolic link leads out of the repository; it is not followed"
                self._errors.append(ManifestError(entry.path, 0, 0, "", message))

    def _target(self, entry: TreeEntry) -> str:
        return link_target(entry.path, self._reader.read(entry.oid))

    def _inside(self, path: str) -> bool:
        return path == self._folder or path.startswith(self._folder + "/")


def link_target(path: str, content: bytes) -> str:
    """Return where a link leads, as a path in the repository; outside of it, it starts with `..` or `/`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), content.decode("utf-8", "replace")))


def leads_out(target: str) -> bool:
    """Return whether a link's target is outside of the repository."""
    return target == ".." or target.startswith(("/", "../"))


def megabytes(size: int) -> str:
    """Return a size in bytes for people."""
    return f"{size / 1024 / 1024:.1f} MB" if size >= 1024 * 1024 else f"{size / 1024:.0f} kB"
