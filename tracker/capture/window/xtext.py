"""Window properties of X11 as text: UTF-8, Latin-1 and compound text, whatever bytes a program left there."""

from typing import Final

_ESCAPE: Final = 0x1B
_LATIN: Final = {ord("A") + n: f"iso8859-{n + 1}" for n in range(4)} | {
    ord("F"): "iso8859-7",
    ord("G"): "iso8859-6",
    ord("H"): "iso8859-8",
    ord("L"): "iso8859-5",
    ord("M"): "iso8859-9",
    ord("b"): "iso8859-15",
}
_DOUBLE: Final = {ord("A"): "gb2312", ord("B"): "euc_jp", ord("C"): "euc_kr"}
_HIGH: Final = bytes(byte | 0x80 for byte in range(256))
_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"


def text(content: bytes, kind: str) -> str:
    """Read a text property; what cannot be read becomes U+FFFD, and never an error: rules are held to the rest.

    Args:
        content: the property's bytes, of whatever program.
        kind: the name of its type: UTF8_STRING, STRING, COMPOUND_TEXT or one that the program made up.
    """
    content = content.split(b"\0", 1)[0]
    if kind == "COMPOUND_TEXT":
        return _compound(content)
    if kind == "UTF8_STRING":
        return content.decode("utf-8", "replace")
    # STRING is Latin-1 by the ICCCM, and UTF-8 by the habit of many programs.
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def words(content: bytes) -> list[str]:
    """Read a list of words that each end with a zero byte, such as WM_CLASS."""
    return [text(word, "STRING") for word in content.split(b"\0")]


def _compound(content: bytes) -> str:
    """Read compound text (ICCCM): ISO 2022 with the left half ASCII and the right Latin-1 until an escape says else."""
    left, right = "ascii", "latin-1"
    read, at = list[str](), 0
    while at < len(content):
        if content[at] != _ESCAPE:
            end = _end_of_run(content, at)
            codec, run = (left, content[at:end]) if content[at] < 0x80 else (right, content[at:end])
            read.append((run.translate(_HIGH) if codec in _DOUBLE.values() else run).decode(codec, "replace"))
            at = end
            continue
        sequence, final = content[at + 1 : at + 3], content[at + 3 : at + 4]
        if sequence == b"%G":
            end = content.find(b"\x1b%@", at)
            end = len(content) if end < 0 else end
            read.append(content[at + 3 : end].decode("utf-8", "replace"))
            at = end + 3
        elif sequence in {b"$(", b"$)"} and final and final[0] in _DOUBLE:
            left, right = (_DOUBLE[final[0]], right) if sequence == b"$(" else (left, _DOUBLE[final[0]])
            at += 4
        elif sequence[:1] == b"-" and len(sequence) > 1 and sequence[1] in _LATIN:
            right = _LATIN[sequence[1]]
            at += 3
        elif sequence == b"(B":
            left = "ascii"
            at += 3
        else:
            read.append(_UNKNOWN)  # a set that nothing here knows: its letters follow as what they are not
            at += 3
    return "".join(read)


def _end_of_run(content: bytes, start: int) -> int:
    """Find where the half that a byte belongs to changes, or an escape begins."""
    is_right = content[start] >= 0x80
    for at in range(start, len(content)):
        if content[at] == _ESCAPE or (content[at] >= 0x80) is not is_right:
            return at
    return len(content)
