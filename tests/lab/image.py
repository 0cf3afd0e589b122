# SPDX-License-Identifier: Apache-2.0
"""A bootable raw image that proves a clone end to end.

Its boot sector says on the first serial port that it runs, writes one sector
of its own disk, says whether that worked, and halts.  Behind it lie extents
of pseudo-random data and holes in turn, the same in every image of one size.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1024**2

SIZE_BYTES = 256 * MIB

#: Data and holes alternate in extents of this size, an object of Glance's RBD
#: store.
EXTENT_BYTES = 8 * MIB

SECTOR_BYTES = 512

#: Where a PC's firmware puts the boot sector.
ORIGIN = 0x7C00

BOOTED = 'rbd-multistore: booted from a clone'
WRITTEN = 'rbd-multistore: wrote to its own disk'
NOT_WRITTEN = 'rbd-multistore: could not write to its own disk'

#: What the guest writes, and the sector that it writes it to.
MARKER = b'rbd-multistore was here'
MARKER_SECTOR = 8
MARKER_OFFSET_BYTES = MARKER_SECTOR * SECTOR_BYTES


@dataclass(frozen=True)
class Line:
    """One line of the program: bytes in hexadecimal.

    ``{name}`` stands for the 16-bit address of the label ``name``, ``{>name}``
    and ``{>>name}`` for the 8-bit and 16-bit distance to it from the end of
    the line.
    """

    code: str
    says: str
    label: str = ''


def _text(label: str, text: bytes) -> Line:
    return Line(text.hex(' '), repr(text), label)


#: Scratch memory behind the boot sector.
BUFFER = 0x7E00

PROGRAM = (
    Line('FA', 'cli'),
    Line('31 C0', 'xor ax, ax'),
    Line('8E D8', 'mov ds, ax'),
    Line('8E C0', 'mov es, ax'),
    Line('8E D0', 'mov ss, ax'),
    Line('BC 00 7C', 'mov sp, 0x7c00'),
    Line('FB', 'sti'),
    Line('FC', 'cld'),
    Line('88 16 {drive}', 'mov [drive], dl  ; as the firmware gave it'),
    Line('BE {booted}', 'mov si, booted'),
    Line('E8 {>>print}', 'call print'),
    # The sector to be written: zeros, then the marker over its beginning.
    Line('BF 00 7E', 'mov di, 0x7e00'),
    Line('B9 00 01', 'mov cx, 256'),
    Line('F3 AB', 'rep stosw  ; ax is 0 after print'),
    Line('BE {marker}', 'mov si, marker'),
    Line('BF 00 7E', 'mov di, 0x7e00'),
    Line(f'B9 {len(MARKER):02X} 00', 'mov cx, length of the marker'),
    Line('F3 A4', 'rep movsb'),
    Line('BE {packet}', 'mov si, packet'),
    Line('8A 16 {drive}', 'mov dl, [drive]'),
    Line('B8 00 43', 'mov ax, 0x4300  ; extended write, no verify'),
    Line('CD 13', 'int 0x13'),
    Line('BE {not_written}', 'mov si, not_written'),
    Line('72 {>tell}', 'jc tell'),
    Line('BE {written}', 'mov si, written'),
    Line('E8 {>>print}', 'call print', 'tell'),
    Line('F4', 'hlt', 'halt'),
    Line('EB {>halt}', 'jmp halt'),
    # print: the zero-ended text at ds:si to the serial port at 0x3f8.
    Line('30 E4', 'xor ah, ah', 'print'),
    Line('AC', 'lodsb', 'next'),
    Line('84 C0', 'test al, al'),
    Line('74 {>done}', 'jz done'),
    Line('88 C3', 'mov bl, al'),
    Line('BA FD 03', 'mov dx, 0x3fd  ; line status'),
    Line('EC', 'in al, dx', 'busy'),
    Line('A8 20', 'test al, 0x20  ; transmitter empty?'),
    Line('74 {>busy}', 'jz busy'),
    Line('BA F8 03', 'mov dx, 0x3f8'),
    Line('88 D8', 'mov al, bl'),
    Line('EE', 'out dx, al'),
    Line('EB {>next}', 'jmp next'),
    Line('C3', 'ret', 'done'),
    # The disk address packet of int 0x13.
    Line('10 00', 'its size', 'packet'),
    Line('01 00', 'one sector'),
    Line('00 7E 00 00', 'from 0000:7e00'),
    Line(MARKER_SECTOR.to_bytes(8, 'little').hex(' '), 'to this sector'),
    Line('00', 'the boot drive', 'drive'),
    _text('marker', MARKER),
    _text('booted', BOOTED.encode() + b'\r\n\0'),
    _text('written', WRITTEN.encode() + b'\r\n\0'),
    _text('not_written', NOT_WRITTEN.encode() + b'\r\n\0'),
)

REFERENCE = re.compile(r'\{(>{0,2})(\w+)\}')


def assemble(program: tuple[Line, ...], origin: int) -> bytes:
    """Turn lines into bytes, with the labels' addresses filled in."""
    labels: dict[str, int] = {}
    ends: list[int] = []
    address = origin
    for line in program:
        if line.label:
            labels[line.label] = address
        blank = REFERENCE.sub(
            lambda m: '00' if m[1] == '>' else '00 00', line.code
        )
        address += len(bytes.fromhex(blank))
        ends.append(address)

    def code(line: Line, end: int) -> bytes:
        def fill(match: re.Match[str]) -> str:
            target = labels[match[2]]
            value = target - end if match[1] else target
            length = 1 if match[1] == '>' else 2
            signed = bool(match[1])
            return value.to_bytes(length, 'little', signed=signed).hex()

        return bytes.fromhex(REFERENCE.sub(fill, line.code))

    return b''.join(
        code(line, end) for line, end in zip(program, ends, strict=True)
    )


def boot_sector(size_bytes: int) -> bytes:
    """The first sector of an image of ``size_bytes``."""
    program = assemble(PROGRAM, ORIGIN)
    # Glance refuses a raw image with a boot signature and no valid partition.
    start = MIB // SECTOR_BYTES
    partition = (
        bytes.fromhex('80 00 21 00 83 FE FF FF')  # active, Linux; CHS unused
        + start.to_bytes(4, 'little')
        + (size_bytes // SECTOR_BYTES - start).to_bytes(4, 'little')
    )
    assert len(program) <= 446
    return program.ljust(446, b'\0') + partition + bytes(48) + b'\x55\xaa'


def data_extents(size_bytes: int) -> Iterator[tuple[int, int]]:
    """Offset and length, in bytes, of the extents that hold data."""
    for offset in range(0, size_bytes, 2 * EXTENT_BYTES):
        yield offset, min(EXTENT_BYTES, size_bytes - offset)


def make(path: Path, size_bytes: int = SIZE_BYTES, seed: int = 0) -> None:
    """Make the image, as a sparse file, unless it is there.

    :param seed: images of different seeds have different data.
    """
    if path.exists() and path.stat().st_size == size_bytes:
        return
    noise = random.Random(seed)  # noqa: S311
    scratch = path.with_name(f'.{path.name}')
    with scratch.open('wb') as stream:
        stream.truncate(size_bytes)
        for offset, length in data_extents(size_bytes):
            stream.seek(offset)
            stream.write(noise.randbytes(length))
        # The first MiB belongs to the boot sector and what the guest writes.
        stream.seek(0)
        stream.write(boot_sector(size_bytes).ljust(MIB, b'\0'))
    scratch.replace(path)
