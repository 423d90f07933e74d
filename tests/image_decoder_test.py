# SPDX-License-Identifier: Apache-2.0
"""ImageDecoder against Pillow, pixel by pixel, and what becomes of damaged files."""
import io
import struct
import zlib

import numpy as np
import pytest

pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")
pytest.importorskip("onnx", reason="the package onnx is not installed")
Image = pytest.importorskip("PIL.Image", reason="the package Pillow is not installed")

import ingot
from onnx import TensorProto, helper

from ort_cases import SEED, random

KINDS = {"RGB": "RGB", "BGR": "RGB", "Grayscale": "L"}  # ONNX's pixel formats, and the mode of Pillow's that gives them


@pytest.fixture(scope="module")
def contexts():
    def make(kind):
        node = helper.make_node("ImageDecoder", ["file"], ["image"], pixel_format=kind)
        graph = helper.make_graph([node], "decode", [helper.make_tensor_value_info("file", TensorProto.UINT8, ["n"])],
                                  [helper.make_tensor_value_info("image", TensorProto.UINT8, None)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        return ingot.build(model.SerializeToString(), threads=1).create_context(threads=1)
    return {kind: make(kind) for kind in KINDS}


def decode(context, file: bytes) -> np.ndarray:
    return context.run({"file": np.frombuffer(file, np.uint8)})["image"]


def picture(salt: int, height: int, width: int, mode: str) -> Image.Image:
    """Smooth with some noise, as photographs are, so that lossy files exercise every step."""
    r = random(salt)
    y, x = np.mgrid[:height, :width]
    channels = [127 + 100 * np.sin(x / r.uniform(3, 9) + c) * np.cos(y / r.uniform(3, 9)) + r.normal(0, 6, x.shape)
                for c in range(4)]
    pixels = np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels, "RGBA")
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def files():
    """(name, bytes) of what Pillow writes."""
    variants = [("jpeg", mode, dict(quality=quality, subsampling=chroma, progressive=progressive))
                for mode, quality, chroma, progressive in
                [("RGB", 90, 0, False), ("RGB", 50, 1, False), ("RGB", 75, 2, False), ("RGB", 75, 2, True),
                 ("L", 75, 0, True), ("L", 95, 0, False)]]
    variants += [("png", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]
    variants += [("bmp", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")]
    variants += [("ppm", mode, {}) for mode in ("1", "L", "RGB")]
    variants += [("tiff", mode, dict(compression=compression)) for mode in ("L", "RGB", "P")
                 for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")]
    variants += [("webp", "RGB", dict(quality=70)), ("webp", "RGB", dict(lossless=True)),
                 ("webp", "RGBA", dict(lossless=True, exact=True))]
    variants += [("jpeg2000", mode, {}) for mode in ("L", "RGB", "RGBA")]
    variants += [("jpeg2000", "RGB", dict(irreversible=True, no_jp2=True))]
    for salt, (kind, mode, options) in enumerate(variants):
        for height, width in ((33, 46), (1, 1), (7, 16)):
            with io.BytesIO() as out:
                picture(salt, height, width, mode).save(out, format=kind, **options)
                label = "-".join([kind, mode, *(f"{key}={value}" for key, value in options.items())])
                yield f"{label}-{height}x{width}", out.getvalue()


@pytest.mark.parametrize("file", [pytest.param(file, id=name) for name, file in files()])
@pytest.mark.parametrize("kind", KINDS)
def test_like_pillow(contexts, kind, file):
    want = np.array(Image.open(io.BytesIO(file)).convert(KINDS[kind]))
    want = want[:, :, ::-1] if kind == "BGR" else want.reshape(*want.shape[:2], -1)
    got = decode(contexts[kind], file)
    assert got.dtype == np.uint8 and got.shape == want.shape
    np.testing.assert_array_equal(got, want, err_msg=f"INGOT_TEST_SEED={SEED}")


def png_file(width: int, height: int, bits: int, colour: int, rows: bytes, *chunks, interlace: int = 0) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_png_beyond_pillow(contexts):
    """16 bits a channel lose the lower half; a stated gamma changes nothing; interlaced images are put together."""
    deep = png_file(1, 1, 16, 2, b"\0" + bytes([1, 200, 2, 200, 3, 200]), (b"gAMA", struct.pack(">I", 100000)))
    np.testing.assert_array_equal(decode(contexts["RGB"], deep), [[[1, 2, 3]]])
    # Adam7 of 2 x 2: pixel (0, 0) in the first pass, (0, 1) in the sixth, the second row in the seventh.
    woven = png_file(2, 2, 8, 0, b"\0\x0A" + b"\0\x14" + b"\0\x1E\x28", interlace=1)
    np.testing.assert_array_equal(decode(contexts["Grayscale"], woven)[:, :, 0], [[10, 20], [30, 40]])


def test_cmyk_jpeg(contexts):
    """Pillow writes them as Adobe does, inverted; the rounding of the product is not fixed."""
    with io.BytesIO() as out:
        picture(99, 20, 30, "CMYK").save(out, format="jpeg", quality=95)
        file = out.getvalue()
    ink = np.array(Image.open(io.BytesIO(file))).astype(float)
    want = (255 - ink[:, :, :3]) * (255 - ink[:, :, 3:]) / 255
    assert np.abs(decode(contexts["RGB"], file) - want).max() <= 0.5


def one_of_each() -> dict:
    return {name.split("-")[0]: file for name, file in files() if name.endswith("33x46")}


@pytest.mark.parametrize("kind", sorted(one_of_each()))
def test_truncated_files_give_an_empty_image(contexts, kind):
    """As the specification says of files that cannot be decoded."""
    file = one_of_each()[kind]
    for length in sorted({0, 1, 3, 7, 20, len(file) // 4, len(file) // 2, len(file) * 3 // 4}):
        assert decode(contexts["RGB"], file[:length]).shape == (0, 0, 3)
        assert decode(contexts["Grayscale"], file[:length]).shape == (0, 0, 1)


@pytest.mark.parametrize("kind", sorted(one_of_each()))
def test_damaged_files_end_in_an_image_or_an_error(contexts, kind):
    """Without checksums damage may pass for another image; it must never do more than that, and sizes beyond the limit
    are an error."""
    file, r = one_of_each()[kind], random(7)
    for _ in range(200):
        damaged = np.frombuffer(file, np.uint8).copy()
        # Headers are where sizes stand.
        span = len(damaged) if r.random() < 0.5 else min(64, len(damaged))
        damaged[r.integers(0, span, r.integers(1, 4))] = r.integers(0, 256)
        try:
            image = decode(contexts["RGB"], damaged.tobytes())
        except ingot.Error:
            continue
        assert image.ndim == 3 and image.shape[2] == 3


def test_huge_images_are_refused_before_memory_is_taken(contexts):
    huge = [png_file(900000, 900000, 8, 2, b""), b"P6 900000 900000 255\n",
            b"BM" + bytes(8) + struct.pack("<IIiiHHIIiiII", 54, 40, 900000, -900000, 1, 24, 0, 0, 0, 0, 0, 0)]
    for file in huge:
        with pytest.raises(ingot.Error, match="900000 x 900000 pixels"):
            decode(contexts["RGB"], file)


def test_other_bytes_give_an_empty_image(contexts):
    assert decode(contexts["BGR"], b"certainly not an image").shape == (0, 0, 3)
