# SPDX-License-Identifier: Apache-2.0
"""What of a file is written, and what is left out."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rbd_multistore.ceph import files

BLOCK = files._BLOCK_BYTES
ONES = b'1' * BLOCK
ZEROS = bytes(BLOCK)


def test_runs() -> None:
    assert list(files.data_runs(b'')) == []
    assert list(files.data_runs(ZEROS)) == []
    assert list(files.data_runs(b'1')) == [(0, b'1')]
    assert list(files.data_runs(ZEROS + ONES + ONES + ZEROS + b'1')) == [
        (BLOCK, ONES + ONES),
        (4 * BLOCK, b'1'),
    ]


@given(st.lists(st.sampled_from([ZEROS, ONES, b'\0' * 7 + b'1'])))
def test_all_that_is_no_zero_is_in_a_run(parts: list[bytes]) -> None:
    chunk = b''.join(parts)
    again = bytearray(len(chunk))
    for at, run in files.data_runs(chunk):
        assert at % BLOCK == 0
        again[at : at + len(run)] = run
    assert bytes(again) == chunk


def test_holes_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / 'sparse'
    size = 64 << 20
    with path.open('wb') as target:
        target.seek(33 << 20)
        target.write(b'1' * 100)
        target.truncate(size)
    with path.open('rb', buffering=0) as source:
        found = list(files._chunks(source, size))
    read = sum(len(chunk) for _offset, chunk in found)
    assert 100 <= read <= 4 << 20
    [data] = [c for c in found if c[1].strip(b'\0')]
    at = (33 << 20) - data[0]
    assert data[1][at : at + 100] == b'1' * 100


def test_file_without_holes(tmp_path: Path) -> None:
    path = tmp_path / 'full'
    path.write_bytes(b'1' * ((9 << 20) + 1))
    with path.open('rb', buffering=0) as source:
        found = list(files._chunks(source, path.stat().st_size))
    assert [offset for offset, _ in found] == [0, 4 << 20, 8 << 20]
    assert sum(len(chunk) for _, chunk in found) == (9 << 20) + 1
