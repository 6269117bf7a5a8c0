"""The content of files: decompressed, in UTF-8, and whole however the bytes arrive."""

import gzip
import io
import random
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stedi_assets.salvage.content import Content
from stedi_assets.salvage.streams import CHUNK_BYTES, ChunkedStream

TEXT = '{"user": "é😀"}\n'

REPETITIVE = b"a" * 3 * CHUNK_BYTES + random.Random(1).randbytes(100) + b"b" * 3 * CHUNK_BYTES
"""Several chunks that compress to few bytes."""


def content_of(stored: bytes) -> Content:
    return Content(ChunkedStream([stored]))


class Seekable(io.BytesIO, io.RawIOBase):
    """A file on disk, for `Content`."""


@given(st.lists(st.binary(max_size=5)), st.integers(1, 9))
def test_pieces_of_any_sizes_are_read_as_their_whole(pieces: Sequence[bytes], size: int) -> None:
    stream = ChunkedStream(pieces)
    read = list(iter(lambda: stream.read(size), b""))
    assert b"".join(read) == b"".join(pieces)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_any_encoding_is_utf8_whether_the_file_can_seek_or_not(encoding: str, is_compressed: bool) -> None:
    stored = TEXT.encode(encoding)
    stored = gzip.compress(stored) if is_compressed else stored
    pieces = [stored[index : index + 1] for index in range(len(stored))]
    for stream in (Seekable(stored), ChunkedStream(pieces)):
        content = Content(stream)
        assert content.read().decode().removeprefix("\ufeff") == TEXT
        assert content.is_compressed == is_compressed
        content.close()
        assert stream.closed


@pytest.mark.parametrize("stored", [b"", b"{", b"{}", b"\x1f", b"\x1f\x8b"])
def test_a_file_of_a_few_bytes_has_content(stored: bytes) -> None:
    content = content_of(stored)
    assert content.read() == (b"" if content.is_compressed else stored)
    assert content.is_damaged == content.is_compressed


def test_a_gzip_file_that_ends_early_gives_all_that_can_be_decompressed() -> None:
    stored = gzip.compress(REPETITIVE)
    for end in range(2, len(stored)):
        content = content_of(stored[:end])
        assert content.read() == zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(stored[:end])
        assert content.is_damaged


def test_members_of_a_gzip_file_follow_each_other() -> None:
    content = content_of(gzip.compress(REPETITIVE) + gzip.compress(b"end"))
    assert content.read() == REPETITIVE + b"end"
    assert not content.is_damaged
