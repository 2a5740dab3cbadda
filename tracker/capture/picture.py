"""Pictures: from raw frames to what is kept and sent, blurred beyond recovery where asked, never blank."""

import io
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from tracker.capture.screen.port import Frame

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow is imported inside the functions below: it is first needed at the first snapshot, well after the window shows.

THUMBNAIL_WIDTH_PX: Final = 320
THUMBNAIL_QUALITY: Final = 60
QUALITY: Final = 70
MOST_BYTES: Final = 4 * 1024 * 1024
"""The largest picture that is kept: a 4K screen full of small text takes 3.4 MiB, an ordinary one a tenth of it."""

_LOWER_QUALITIES: Final = (55, 40)
_SMALLER_QUALITY: Final = 55

BLUR_CELLS: Final = 32
BLUR_LEVELS: Final = 16

_BYTES_PER_PIXEL: Final = 4
_SAMPLE_PX: Final = 64


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One monitor's JPEG with its thumbnail, both without metadata.

    Args:
        width: real pixels of `image`.
        height: real pixels of `image`.
        image: JPEG bytes, at most `MOST_BYTES`.
        thumbnail: JPEG bytes, at most `THUMBNAIL_WIDTH_PX` wide.
    """

    width: int
    height: int
    image: bytes
    thumbnail: bytes


def encode(frame: Frame, *, quality: int = QUALITY, blurred: bool = False) -> EncodedPicture:
    """Encode a frame and its thumbnail.

    A picture that comes out larger than `MOST_BYTES` (noise, or an 8K screen full of small text) is encoded
    again at quality 55, then 40, and then at half the width and height, as often as it takes.

    Args:
        frame: what the screen gave; one that `is_blank` must not come here.
        quality: JPEG quality, 1–95.
        blurred: blur both beyond recovery first.

    Raises:
        ValueError: the frame holds fewer or more pixels than its size says.
    """
    if _is_torn(frame):
        raise ValueError(f"A frame of {frame.width} × {frame.height} pixels has {len(frame.bgrx)} bytes.")
    picture = _rgb(frame)
    return _encode(_blur(picture) if blurred else picture, quality)


def blur_encoded(jpeg: bytes) -> EncodedPicture:
    """Blur a picture that is already encoded, as when the person blurs a held snapshot.

    Args:
        jpeg: a picture that `encode` made.

    Raises:
        OSError: it is not a picture.
    """
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        return _encode(_blur(picture.convert("RGB")), QUALITY)


def is_blank(frame: Frame) -> bool:
    """Tell whether a frame is torn, black or of one single colour, which is what a refused grab looks like.

    A single pixel of another colour is content: a sample that shows two colours settles most frames in microseconds,
    and only where it shows one is every pixel looked at.
    """
    if _is_torn(frame):
        return True
    picture = _rgb(frame)
    from PIL.Image import Resampling  # noqa: PLC0415

    return _is_one_colour(picture.resize((_SAMPLE_PX, _SAMPLE_PX), Resampling.NEAREST)) and _is_one_colour(picture)


def _is_torn(frame: Frame) -> bool:
    """Tell whether a frame's bytes are not those of its size: with any other number, each row begins elsewhere."""
    return min(frame.width, frame.height) <= 0 or len(frame.bgrx) != frame.width * frame.height * _BYTES_PER_PIXEL


def _rgb(frame: Frame) -> "Image":
    from PIL import Image  # noqa: PLC0415

    # One pass from the grab's own buffer; tobytes() would copy 8 MB first. Pillow takes every buffer, its types do not.
    return Image.frombuffer("RGB", (frame.width, frame.height), cast("bytes", frame.bgrx), "raw", "BGRX", 0, 1)


def _is_one_colour(picture: "Image") -> bool:
    return all(band.getextrema()[0] == band.getextrema()[1] for band in picture.split())


def _encode(picture: "Image", quality: int) -> EncodedPicture:
    thumbnail = _jpeg(_thumbnail(picture), THUMBNAIL_QUALITY)
    image = _jpeg(picture, quality)
    for lower in _LOWER_QUALITIES:
        if len(image) > MOST_BYTES:
            image = _jpeg(picture, lower)
    while len(image) > MOST_BYTES:
        picture = picture.reduce(2)
        image = _jpeg(picture, _SMALLER_QUALITY)
    return EncodedPicture(width=picture.width, height=picture.height, image=image, thumbnail=thumbnail)


def _jpeg(picture: "Image", quality: int) -> bytes:
    # Whatever came with a decoded picture (Exif, comment, colour profile) would be written out again from here.
    picture.info.clear()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _thumbnail(picture: "Image") -> "Image":
    from PIL.Image import Resampling  # noqa: PLC0415

    if picture.width <= THUMBNAIL_WIDTH_PX:
        return picture
    # Averaging whole blocks first is several times cheaper than one large resampling, and 1080p needs no more.
    reduced = picture.reduce(picture.width // THUMBNAIL_WIDTH_PX)
    height = max(1, round(picture.height * THUMBNAIL_WIDTH_PX / picture.width))
    if reduced.size == (THUMBNAIL_WIDTH_PX, height):
        return reduced
    return reduced.resize((THUMBNAIL_WIDTH_PX, height), Resampling.BICUBIC)


def _blur(picture: "Image") -> "Image":
    """Blur beyond recovery.

    The result is a function of at most 32 × 32 cells of three 16-level values and nothing else, under 1.6 kB whatever
    the screen showed. At 1080p a cell averages some 3,600 pixels, dozens of characters, and no filter brings back what
    an average has dropped. What remains is guessing texts and comparing their averages, as pixelated passwords have
    been broken: a word moves a cell's average by less than a level, and noise from the system's generator, added
    before rounding to a level and then forgotten, decides which way the cell falls. How full a page was still shows.
    """
    from PIL import Image, ImageChops  # noqa: PLC0415

    longest = max(picture.size)
    columns = max(1, round(picture.width * BLUR_CELLS / longest))
    rows = max(1, round(picture.height * BLUR_CELLS / longest))
    averaged = picture.resize((columns, rows), Image.Resampling.BOX)
    step = 255 // (BLUR_LEVELS - 1)
    below_a_step = bytes(n % step for n in range(256))
    # One value for all three colours: noise of their own would give a guesser of grey text three tries at each cell.
    noise = Image.frombytes("L", (columns, rows), secrets.token_bytes(columns * rows).translate(below_a_step))
    # Less than a step is added before rounding down, so a cell falls up or down in proportion and shades survive.
    noisy = ImageChops.add(averaged, Image.merge("RGB", (noise, noise, noise)))
    return noisy.point([n // step * step for n in range(256)] * 3).resize(picture.size, Image.Resampling.BICUBIC)
