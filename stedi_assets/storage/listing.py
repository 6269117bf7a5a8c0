"""What lies below a folder of raw files: the files to read, and the entries that are passed over."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from stedi_assets.errors import StediError

HIDDEN_PREFIXES = (".", "_")
"""How the names begin that Hadoop, Spark and Hive take for markers and unfinished files, such as _SUCCESS."""

IS_HIDDEN = "its name begins with . or _"
IS_NOT_UTF8 = "its name is not UTF-8"
IS_NO_FILE = "it is neither a file nor a folder"
LEADS_NOWHERE = "it is a link that leads nowhere"
LEADS_TO_FOLDER = "it is a link to another folder of the landing root, whose files are read there"
"""Why an entry is passed over."""


@dataclass(frozen=True)
class StoredFile:
    """One file.

    Attributes:
        path: Its whole path.
        name: Its name in its folder; in a `Listing`, its path below the folder that was listed.
        size: Bytes, as stored.
        modified: A mark that changes when the file does: its modification time in nanoseconds since 1970, or its ETag.
    """

    path: str
    name: str
    size: int
    modified: str


@dataclass(frozen=True)
class Listing:
    """What lies below a folder.

    Attributes:
        files: The regular files, sorted by name.
        passed_over: From the name of each other entry to why it is not read. A hidden file without a byte is not among
            them: nothing of it could be missing.
        is_cut: Whether the listing ended at its limit.
    """

    files: Sequence[StoredFile]
    passed_over: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False


def is_hidden(name: str) -> bool:
    """Whether a path below a folder is hidden, by its own name or by that of a folder in it.

    Args:
        name: The path, with slashes.
    """
    return any(part.startswith(HIDDEN_PREFIXES) for part in name.split("/"))


class LocalListing:
    """Finds what lies below a folder on local disk.

    Args:
        folder: The folder.
        root: The folder that links may not lead out of.
        follows_links: Whether they may after all.
    """

    def __init__(self, folder: Path, root: Path, *, follows_links: bool) -> None:
        self._folder = folder
        self._root = os.path.realpath(root)
        self._follows_links = follows_links
        self._files: list[StoredFile] = []
        self._passed_over: dict[str, str] = {}
        self._folders = [folder]
        self._known_folders = {os.path.realpath(folder)}

    def listing(self, limit: int | None) -> Listing:
        """Returns the files and the entries that are passed over.

        Args:
            limit: Return no more than the first so many files.

        Raises:
            OSError: The folder, or one below it, cannot be read.
            StediError: A link leads out of the root.
        """
        self._refuse_outside(self._folder)
        while self._folders:
            for entry in self._entries(self._folders.pop()):
                self._take(entry)
        files = sorted(self._files, key=lambda file: file.name)
        return Listing(files[:limit], self._passed_over, limit is not None and len(files) > limit)

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except FileNotFoundError:
            # Whoever delivers files may also take a folder away while it is looked into.
            if folder == self._folder:
                raise

    def _take(self, entry: os.DirEntry[str]) -> None:
        name = Path(entry.path).relative_to(self._folder).as_posix()
        try:
            status = entry.stat()
        except FileNotFoundError:
            # A file may be renamed between being listed and being looked at: then it is listed by its other name.
            if entry.is_symlink():
                self._pass_over(name, LEADS_NOWHERE)
            return
        except OSError:
            # Links that lead in a circle.
            self._pass_over(name, LEADS_NOWHERE)
            return
        is_file, is_folder = S_ISREG(status.st_mode), S_ISDIR(status.st_mode)
        reason = _reason(entry.name, is_read=is_file or is_folder)
        if reason == IS_HIDDEN and is_file and not status.st_size:
            return
        if reason:
            self._pass_over(f"{name}/" if is_folder else name, reason)
            return
        if entry.is_symlink():
            self._refuse_outside(Path(entry.path))
        if is_file:
            self._files.append(StoredFile(entry.path, name, status.st_size, str(status.st_mtime_ns)))
        else:
            self._take_folder(entry, name)

    def _take_folder(self, entry: os.DirEntry[str], name: str) -> None:
        target = os.path.realpath(entry.path)
        if entry.is_symlink() and (target in self._known_folders or self._is_inside(target)):
            self._pass_over(f"{name}/", LEADS_TO_FOLDER)
            return
        self._known_folders.add(target)
        self._folders.append(Path(entry.path))

    def _pass_over(self, name: str, reason: str) -> None:
        self._passed_over[os.fsencode(name).decode(errors="backslashreplace")] = reason

    def _is_inside(self, target: str) -> bool:
        return Path(target).is_relative_to(self._root)

    def _refuse_outside(self, path: Path) -> None:
        target = os.path.realpath(path)
        if not self._follows_links and not self._is_inside(target):
            raise StediError(
                f"The link {path} leads out of the landing root {self._root}.",
                "Put what it leads to in its place, or set STEDI_LANDING_LINKS=follow.",
            )


def _reason(name: str, *, is_read: bool) -> str | None:
    if not is_read:
        return IS_NO_FILE
    try:
        name.encode()
    except UnicodeEncodeError:
        return IS_NOT_UTF8
    return IS_HIDDEN if is_hidden(name) else None
