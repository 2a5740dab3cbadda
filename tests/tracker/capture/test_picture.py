"""Pictures: true to the screen, free of metadata, never blank, and blurred beyond recovery."""

import io
import random
from collections.abc import Iterator
from math import sqrt

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

import tracker.capture.picture
from tests.fakes.xserver import XServer
from tracker.capture.picture import MOST_BYTES, QUALITY, THUMBNAIL_WIDTH_PX, blur_encoded, encode, is_blank
from tracker.capture.screen.port import Frame
from tracker.capture.screen.x11 import X11Screen

SIZE = (1280, 720)
SECRET = "Account 4929 1338 2207 password hunter2 "
OTHER = "Meeting notes of Tuesday with the council "


def _frame(picture: Image.Image) -> Frame:
    return Frame(0, *picture.size, picture.convert("RGBA").tobytes("raw", "BGRA"))


def _page(text: str) -> Image.Image:
    page = Image.new("RGB", SIZE, (250, 250, 246))
    pen = ImageDraw.Draw(page)
    for top in range(8, SIZE[1] - 12, 14):
        pen.text((8, top), text * 6, fill=(20, 24, 32))
    return page


def _open(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    picture.load()
    return picture


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Root mean square difference of two pictures, in levels of 0–255."""
    bands = ImageStat.Stat(ImageChops.difference(one, other)).rms
    return sqrt(sum(band**2 for band in bands) / len(bands))


def _detail(picture: Image.Image) -> float:
    """How much a picture differs from itself two pixels out of focus: its high-frequency energy."""
    return _difference(picture, picture.filter(ImageFilter.GaussianBlur(2)))


class TestRoundTrip:
    def test_a_grabbed_pattern_comes_out_of_the_jpeg(self, x_server: XServer) -> None:
        x_server.fill(0xC04020)
        x_server.fill(0x2040C0, 160, 0, 160, 240)
        x_server.fill(0x20C040, 64, 64, 64, 64)
        (frame,) = X11Screen(x_server.display).grab()
        picture = encode(frame)

        decoded = _open(picture.image)
        assert (picture.width, picture.height) == decoded.size == (320, 240)
        for place, expected in (
            ((20, 20), (0xC0, 0x40, 0x20)),
            ((300, 200), (0x20, 0x40, 0xC0)),
            ((96, 96), (0x20, 0xC0, 0x40)),
        ):
            found = decoded.getpixel(place)
            assert isinstance(found, tuple)
            assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 6

    def test_text_stays_legible(self) -> None:
        page = _page(SECRET)
        decoded = _open(encode(_frame(page)).image)

        assert _difference(page, decoded) < 12
        assert _detail(decoded) > 0.8 * _detail(page)

    def test_the_thumbnail_shows_the_same(self) -> None:
        page = _page(SECRET)
        page.paste((200, 40, 40), (0, 0, 640, 360))
        thumbnail = _open(encode(_frame(page)).thumbnail)

        assert _difference(thumbnail, page.resize(thumbnail.size, Image.Resampling.BOX)) < 12
        assert _difference(thumbnail, _page(SECRET).resize(thumbnail.size, Image.Resampling.BOX)) > 50

    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((1920, 1080), (320, 180)),
            ((1366, 768), (320, 180)),
            ((3840, 2160), (320, 180)),
            ((1080, 1920), (320, 569)),
            ((321, 100), (320, 100)),
            ((320, 240), (320, 240)),
            ((33, 7), (33, 7)),
            ((4000, 1), (320, 1)),
        ],
    )
    def test_the_thumbnail_is_at_most_320_wide_and_keeps_its_shape(
        self, size: tuple[int, int], expected: tuple[int, int]
    ) -> None:
        picture = encode(_frame(Image.new("RGB", size, (10, 200, 90))))

        assert _open(picture.thumbnail).size == expected
        assert (picture.width, picture.height) == _open(picture.image).size == size
        assert expected[0] <= THUMBNAIL_WIDTH_PX

    def test_an_incomplete_frame_is_no_picture(self) -> None:
        for size in (0, 100, 64 * 64 * 4 - 1, 64 * 64 * 4 + 1):
            with pytest.raises(ValueError, match="64 × 64 pixels"):
                encode(Frame(0, 64, 64, bytes(size)))


# Size.


def _noise(width: int, height: int) -> Frame:
    return Frame(0, width, height, random.Random(1).randbytes(width * height * 4))  # noqa: S311 (a picture, no secret)


def test_a_screen_of_text_keeps_its_quality_and_its_pixels() -> None:
    picture = encode(_frame(_page(SECRET).resize((3840, 2160))))
    assert (picture.width, picture.height) == (3840, 2160)
    assert len(picture.image) < MOST_BYTES
    assert picture.image == _jpeg_of(_page(SECRET).resize((3840, 2160)), QUALITY)


@pytest.mark.parametrize(
    ("size", "quality", "expected"),
    [((750, 750), 55, (750, 750)), ((850, 850), 40, (850, 850)), ((1000, 1000), 55, (500, 500))],
)
def test_a_picture_too_large_falls_in_quality_first_and_in_size_last(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], quality: int, expected: tuple[int, int]
) -> None:
    bound = 300_000
    monkeypatch.setattr(tracker.capture.picture, "MOST_BYTES", bound)
    frame = _noise(*size)
    picture = encode(frame)
    whole = Image.frombytes("RGB", size, bytes(frame.bgrx), "raw", "BGRX")
    assert len(_jpeg_of(whole, QUALITY)) > bound, "the bound is what lowers it"
    assert len(picture.image) <= bound
    assert (picture.width, picture.height) == _open(picture.image).size == expected
    smaller = whole if expected == size else whole.reduce(2)
    assert picture.image == _jpeg_of(smaller, quality)


def _jpeg_of(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


# Metadata.

_ALLOWED = {0xDB: "quantisation", 0xC0: "frame", 0xC4: "Huffman tables"}


def _foreign_parts(jpeg: bytes) -> list[str]:
    """Name every part of a JPEG beside those that decode it and the bare JFIF header (ITU-T T.81, B.1)."""
    return [
        f"{marker:#x}"
        for marker, content in _parts(jpeg)
        if marker not in _ALLOWED and not (marker == 0xE0 and content[:5] == b"JFIF\0" and len(content) == 14)
    ]


def _parts(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    assert jpeg[:2] == b"\xff\xd8"
    assert jpeg[-2:] == b"\xff\xd9"
    at = 2
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield jpeg[at + 1], jpeg[at + 4 : at + 2 + length]
        at += 2 + length


def _laden() -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    _page(SECRET).save(buffer, "JPEG", exif=exif, comment=b"made by me", icc_profile=b"profile", dpi=(300, 300))
    return buffer.getvalue()


def test_neither_picture_nor_thumbnail_carries_metadata() -> None:
    for picture in (encode(_frame(_page(SECRET))), encode(_frame(_page(SECRET)), blurred=True)):
        assert _foreign_parts(picture.image) == []
        assert _foreign_parts(picture.thumbnail) == []


def test_blurring_drops_the_metadata_of_what_it_blurs() -> None:
    laden = _laden()
    assert _foreign_parts(laden) == ["0xe1", "0xe2", "0xfe"], "the check finds metadata where there is some"
    blurred = blur_encoded(laden)

    assert _foreign_parts(blurred.image) == []
    assert _foreign_parts(blurred.thumbnail) == []
    assert _open(blurred.image).info.get("dpi") != (300, 300)


# Blank frames.


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (30, 60, 90)])
def test_one_single_colour_is_blank(colour: tuple[int, int, int]) -> None:
    assert is_blank(_frame(Image.new("RGB", SIZE, colour)))


@pytest.mark.parametrize(
    "frame",
    [
        Frame(0, 0, 0, b""),
        Frame(0, 0, 100, b""),
        Frame(0, -1, -1, bytes(range(4))),
        Frame(0, 64, 64, b""),
        Frame(0, 64, 64, bytes(range(256)) * 64 + b"\0"),
        Frame(0, 64, 64, (bytes(range(256)) * 64)[:-1]),
        Frame(0, 63, 64, bytes(range(256)) * 64),
    ],
)
def test_an_empty_or_torn_frame_is_blank(frame: Frame) -> None:
    assert is_blank(frame)


def test_the_meaningless_fourth_byte_is_no_content() -> None:
    assert is_blank(Frame(0, 2, 2, b"\0\0\0\0" + b"\0\0\0\xff" * 3))


@pytest.mark.parametrize("place", [(0, 0), (SIZE[0] - 1, SIZE[1] - 1), (641, 359), (3, 700)])
@pytest.mark.parametrize("colour", [(0, 0, 1), (0, 1, 0), (1, 0, 0)])
def test_a_single_pixel_that_differs_by_one_level_is_content(
    place: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    picture = Image.new("RGB", SIZE)
    picture.putpixel(place, colour)

    assert not is_blank(_frame(picture))


def test_a_page_of_text_is_content() -> None:
    assert not is_blank(_frame(_page(SECRET)))


# Blur.


def test_a_blurred_picture_has_the_size_of_the_screen_and_its_colours() -> None:
    page = _page(SECRET)
    page.paste((200, 40, 40), (640, 0, 1280, 720))
    picture = encode(_frame(page), blurred=True)
    blurred = _open(picture.image)

    assert blurred.size == SIZE
    left, right = blurred.crop((0, 0, 600, 720)), blurred.crop((680, 0, 1280, 720))
    for half, original in ((left, page.crop((0, 0, 600, 720))), (right, page.crop((680, 0, 1280, 720)))):
        means = zip(ImageStat.Stat(half).mean, ImageStat.Stat(original).mean, strict=True)
        assert max(abs(a - b) for a, b in means) < 20


@pytest.mark.parametrize("size_px", [1, 4])
def test_a_blurred_picture_holds_no_detail(size_px: int) -> None:
    page = _page(SECRET)
    blurred = encode(_frame(page), blurred=True)
    mild = page.filter(ImageFilter.GaussianBlur(size_px))

    assert _detail(_open(blurred.image)) < 1.0
    assert _detail(mild) > 1.0, "a mild blur, which can be undone, would be found"
    assert _detail(_open(blurred.thumbnail)) < 0.2 * _detail(_open(encode(_frame(page)).thumbnail))


def _blurred(page: Image.Image) -> Image.Image:
    return _open(encode(_frame(page), blurred=True).image)


def test_two_texts_are_hardly_further_apart_than_one_text_blurred_twice() -> None:
    of_itself = _difference(_blurred(_page(SECRET)), _blurred(_page(SECRET)))
    of_other = _difference(_blurred(_page(SECRET)), _blurred(_page(OTHER)))

    assert of_itself > 0, "the noise is new each time"
    assert of_other < 1.5 * of_itself


def test_a_secret_on_the_screen_cannot_be_guessed_from_the_blur() -> None:
    """Blur a page with one of two words and guess the word by the nearer blur of each: hardly better than a coin."""
    pages = []
    for word in ("iiiiiiii", "MMMMMMMM"):
        page = Image.new("RGB", SIZE, (250, 250, 246))
        ImageDraw.Draw(page).text((600, 360), word, fill=(20, 24, 32))
        pages.append(page)
    tries = 40
    right = 0
    for n in range(tries):
        target = _blurred(pages[n % 2])
        references = [_difference(target, _blurred(page)) for page in pages]
        right += references.index(min(references)) == n % 2

    assert tries * 0.15 < right < tries * 0.85
    plain = [page.resize((32, 18), Image.Resampling.BOX) for page in pages]
    assert _difference(plain[0], plain[0]) == 0 < _difference(*plain), "without noise the guess is always right"


def test_pixelating_without_noise_would_tell_two_texts_apart() -> None:
    def pixelated(text: str) -> Image.Image:
        return _page(text).resize((128, 72), Image.Resampling.BOX).resize(SIZE, Image.Resampling.BICUBIC)

    assert _difference(pixelated(SECRET), pixelated(SECRET)) == 0
    assert _difference(pixelated(SECRET), pixelated(OTHER)) > 0


def test_a_blurred_picture_is_small_in_information() -> None:
    picture = encode(_frame(_page(SECRET)), blurred=True)
    levels = _open(picture.image).resize((32, 18), Image.Resampling.BOX)
    repainted = levels.resize(SIZE, Image.Resampling.BICUBIC)

    assert _difference(repainted, _open(picture.image)) < 4, "32 × 18 cells say all there is"


@pytest.mark.parametrize("grey", [0, 10, 128, 200, 255])
def test_each_cell_is_one_of_sixteen_levels_beside_its_shade(grey: int) -> None:
    blurred = _open(encode(_frame(Image.new("RGB", SIZE, (grey, grey, grey))), quality=95, blurred=True).image)
    cell = SIZE[0] // 32
    found = [
        value
        for x in range(cell // 2, SIZE[0], cell)
        for y in range(cell // 2, SIZE[1], cell)
        if isinstance(pixel := blurred.getpixel((x, y)), tuple)
        for value in pixel
    ]

    assert len(found) == 32 * 18 * 3
    assert all(min(value % 17, -value % 17) <= 2 for value in found)
    assert all(abs(value - grey) < 17 + 3 for value in found)


def test_a_held_picture_blurred_on_request_is_like_one_blurred_at_once() -> None:
    page = _page(SECRET)
    plain = encode(_frame(page))
    later = blur_encoded(plain.image)
    once = encode(_frame(page), blurred=True)

    assert (later.width, later.height) == SIZE
    assert _difference(_open(later.image), _open(once.image)) < 12
    assert _detail(_open(later.image)) < 1.0


def test_what_is_not_a_picture_is_refused() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        blur_encoded(b"not a picture")
