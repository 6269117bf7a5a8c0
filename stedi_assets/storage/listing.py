"""Lists a folder of raw files: the files to read, and the other entries with the reason why each is skipped."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from stedi_assets.errors import StediError

HIDDEN_PREFIXES = (".", "_")
"""The prefixes that mark files as unfinished or as markers in Hadoop, Spark and Hive, such as _SUCCESS."""

IS_HIDDEN = "its name begins with . or _"
IS_NOT_UTF8 = "its name is not UTF-8"
IS_NO_FILE = "it is neither a file nor a folder"
LEADS_NOWHERE = "it is a link that leads nowhere"
LEADS_TO_FOLDER = "it is a link to another folder of the landing root, whose files are read there"
"""The reasons why an entry is skipped."""


@dataclass(frozen=True)
class StoredFile:
    """One file.

    Attributes:
        path: The absolute path, or s3://bucket/key.
        name: The last part of the path; in a `Listing`, the path relative to the listed folder.
        size: The stored size in bytes.
        modified: A text that changes with the file: the modification time in nanoseconds since 1970, or the ETag.
    """

    path: str
    name: str
    size: int
    modified: str


@dataclass(frozen=True)
class Listing:
    """The content of a folder of raw files.

    Attributes:
        files: The regular files, sorted by name.
        passed_over: From the name of each other entry to the reason why it is skipped. Empty hidden files are left out,
            because they hold nothing that a table could lack.
    """

    files: Sequence[StoredFile]
    passed_over: Mapping[str, str] = field(default_factory=dict)


def is_hidden(name: str) -> bool:
    """Whether a relative path, with slashes, is hidden by its own name or a folder's."""
    return any(part.startswith(HIDDEN_PREFIXES) for part in name.split("/"))


class LocalListing:
    """Lists a folder of raw files on local disk, once.

    Args:
        folder: The folder to list.
        root: The folder that links may not lead out of.
        follows_links: Whether links may lead out of the root after all.
    """

    def __init__(self, folder: Path, root: Path, *, follows_links: bool) -> None:
        self._folder = folder
        self._root = os.path.realpath(root)
        self._follows_links = follows_links
        self._files: list[StoredFile] = []
        self._passed_over: dict[str, str] = {}
        self._folders = [folder]
        self._known_folders = {os.path.realpath(folder)}

    def listing(self, after: str) -> Listing:
        """Walks the folder.

        Args:
            after: Return only the files whose names come after this one.

        Raises:
            OSError: The folder, or one below it, cannot be read.
            StediError: A link leads out of the root.
        """
        self._refuse_outside(self._folder)
        while self._folders:
            for entry in self._entries(self._folders.pop()):
                self._take(entry)
        files = [file for file in self._files if file.name > after]
        return Listing(sorted(files, key=lambda file: file.name), self._passed_over)

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except FileNotFoundError:
            # A folder below may have been removed while it was listed.
            if folder == self._folder:
                raise

    def _take(self, entry: os.DirEntry[str]) -> None:
        # Not by pathlib, which takes most of the time in a folder of many files.
        name = entry.path.removeprefix(f"{self._folder}{os.sep}")
        try:
            status = entry.stat()
        except FileNotFoundError:
            # A file that was renamed after it was listed is found under its new name.
            if entry.is_symlink():
                self._pass_over(name, LEADS_NOWHERE)
            return
        except OSError:
            # A link that leads in a circle.
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
                "Replace the link by its target, or set STEDI_LANDING_LINKS=follow.",
            )


def _reason(name: str, *, is_read: bool) -> str | None:
    if not is_read:
        return IS_NO_FILE
    try:
        name.encode()
    except UnicodeEncodeError:
        return IS_NOT_UTF8
    return IS_HIDDEN if is_hidden(name) else None
