"""What a file is by its first bytes, and what its name says it should be.

Names are never believed and libavformat is never asked to guess: a file is opened only with the one demuxer or picture
plugin that its own bytes call for. The module reads a few kilobytes, decodes nothing, and does not know whether what
follows the signature is sound. Data hidden behind a valid beginning (a zip after an MP3) is not looked for.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

HEAD_BYTES = 1 << 16
"""How much of the file is looked at; MP3 files may begin with that much padding."""

IMAGE, AUDIO, VIDEO, TEXT, ARCHIVE, OTHER = "image", "audio", "video", "text", "archive", "other"
KINDS = (IMAGE, AUDIO, VIDEO, TEXT, ARCHIVE, OTHER)


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of file."""

    name: str
    kinds: frozenset[str]
    """What it may hold; containers may hold sound alone or a film."""
    media_type: str
    extensions: tuple[str, ...] = ()
    """Lower case, without the dot."""
    demuxer: str | None = None
    """libavformat's name; None when PyAV must not open it."""
    plugin: str | None = None
    """Pillow's name; None when Pillow must not open it."""
    words: str
    """How to call it in a message."""


def _family(name: str, kinds: str, media_type: str, extensions: str = "", **more: str) -> Family:
    return Family(
        name=name, kinds=frozenset(kinds.split()), media_type=media_type, extensions=tuple(extensions.split()), **more
    )


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        _family("png", IMAGE, "image/png", "png apng", plugin="PNG", words="PNG picture"),
        _family("jpeg", IMAGE, "image/jpeg", "jpg jpeg jpe jfif", plugin="JPEG", words="JPEG picture"),
        _family("gif", IMAGE, "image/gif", "gif", plugin="GIF", words="GIF picture"),
        _family("webp", IMAGE, "image/webp", "webp", plugin="WEBP", words="WebP picture"),
        _family("bmp", IMAGE, "image/bmp", "bmp dib", plugin="BMP", words="BMP picture"),
        _family("tiff", IMAGE, "image/tiff", "tif tiff", plugin="TIFF", words="TIFF picture"),
        _family("avif", IMAGE, "image/avif", "avif", plugin="AVIF", words="AVIF picture"),
        _family("heic", IMAGE, "image/heic", "heic heif", words="HEIC picture"),
        _family("jxl", IMAGE, "image/jxl", "jxl", words="JPEG XL picture"),
        _family("jpeg2000", IMAGE, "image/jp2", "jp2 j2k jpx", words="JPEG 2000 picture"),
        _family("psd", OTHER, "image/vnd.adobe.photoshop", "psd", words="Photoshop document"),
        _family("ico", OTHER, "image/vnd.microsoft.icon", "ico cur", words="icon"),
        _family("svg", OTHER, "image/svg+xml", "svg", words="SVG document"),
        _family("mp3", AUDIO, "audio/mpeg", "mp3 mpga", demuxer="mp3", words="MP3 recording"),
        _family("aac", AUDIO, "audio/aac", "aac adts", demuxer="aac", words="AAC recording"),
        _family("flac", AUDIO, "audio/flac", "flac", demuxer="flac", words="FLAC recording"),
        _family("wav", AUDIO, "audio/wav", "wav wave bwf", demuxer="wav", words="WAV recording"),
        _family("aiff", AUDIO, "audio/aiff", "aif aiff aifc", demuxer="aiff", words="AIFF recording"),
        _family("caf", AUDIO, "audio/x-caf", "caf", demuxer="caf", words="CAF recording"),
        _family("wavpack", AUDIO, "audio/x-wavpack", "wv", demuxer="wv", words="WavPack recording"),
        _family("amr", AUDIO, "audio/amr", "amr", demuxer="amr", words="AMR recording"),
        _family("ogg", "audio video", "application/ogg", "ogg oga ogv opus spx", demuxer="ogg", words="Ogg file"),
        _family(
            "mp4", "audio video", "video/mp4", "mp4 m4v mov qt 3gp 3g2 m4a m4b m4p", demuxer="mov", words="MP4 file"
        ),
        _family(
            "matroska",
            "audio video",
            "video/x-matroska",
            "mkv mka webm weba",
            demuxer="matroska",
            words="Matroska file",
        ),
        _family("avi", "audio video", "video/x-msvideo", "avi", demuxer="avi", words="AVI file"),
        _family("mpegts", "audio video", "video/mp2t", "ts mts m2ts", demuxer="mpegts", words="MPEG transport stream"),
        _family("mpegps", "audio video", "video/mpeg", "mpg mpeg vob", demuxer="mpeg", words="MPEG programme stream"),
        _family("flv", "audio video", "video/x-flv", "flv", demuxer="flv", words="Flash video"),
        _family("asf", "audio video", "video/x-ms-asf", "asf wma wmv", demuxer="asf", words="Windows Media file"),
        _family("text", TEXT, "text/plain", "txt lrc srt vtt md csv json", words="text"),
        _family("html", OTHER, "text/html", "html htm xhtml", words="HTML document"),
        _family("xml", OTHER, "application/xml", "xml rss", words="XML document"),
        _family("playlist", OTHER, "application/vnd.apple.mpegurl", "m3u m3u8 pls", words="playlist"),
        _family("script", OTHER, "text/x-script", "sh py pl rb php js bat cmd ps1", words="script"),
        _family("pdf", OTHER, "application/pdf", "pdf", words="PDF document"),
        _family("postscript", OTHER, "application/postscript", "ps eps", words="PostScript document"),
        _family("rtf", OTHER, "application/rtf", "rtf", words="rich-text document"),
        _family("midi", OTHER, "audio/midi", "mid midi", words="MIDI score"),
        _family("flash", OTHER, "application/x-shockwave-flash", "swf", words="Flash program"),
        _family(
            "windows-executable", OTHER, "application/x-msdownload", "exe dll scr com msi", words="Windows program"
        ),
        _family("elf-executable", OTHER, "application/x-executable", "so elf", words="Linux program"),
        _family("macos-executable", OTHER, "application/x-mach-binary", "dylib", words="macOS program or Java class"),
        _family("webassembly", OTHER, "application/wasm", "wasm", words="WebAssembly program"),
        _family("sqlite", OTHER, "application/vnd.sqlite3", "db sqlite", words="SQLite database"),
        _family("zip", ARCHIVE, "application/zip", "zip jar apk docx xlsx pptx epub", words="zip archive"),
        _family("gzip", ARCHIVE, "application/gzip", "gz tgz svgz", words="gzip archive"),
        _family("bzip2", ARCHIVE, "application/x-bzip2", "bz2", words="bzip2 archive"),
        _family("xz", ARCHIVE, "application/x-xz", "xz", words="xz archive"),
        _family("zstd", ARCHIVE, "application/zstd", "zst", words="Zstandard archive"),
        _family("lz4", ARCHIVE, "application/x-lz4", "lz4", words="LZ4 archive"),
        _family("7z", ARCHIVE, "application/x-7z-compressed", "7z", words="7z archive"),
        _family("rar", ARCHIVE, "application/vnd.rar", "rar", words="RAR archive"),
        _family("tar", ARCHIVE, "application/x-tar", "tar", words="tar archive"),
        _family("cab", ARCHIVE, "application/vnd.ms-cab-compressed", "cab", words="cabinet archive"),
        _family("unknown", OTHER, "application/octet-stream", words="file of no known type"),
    )
}

# Extensions that promise less than their container could hold: a film is not what `song.m4a` says it is.
_SOUND_ONLY = frozenset({"m4a", "m4b", "m4p", "oga", "opus", "spx", "mka", "weba", "wma"})

_BY_EXTENSION = {extension: family for family in FAMILIES.values() for extension in family.extensions}

# (offset, bytes, family). Signatures of at least three bytes; the looser ones are checked in code below.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"8BPS", "psd"),
    (0, b"\0\0\x01\0", "ico"),
    (0, b"\0\0\x02\0", "ico"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (0, b"\xffO\xffQ", "jpeg2000"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"caff", "caf"),
    (0, b"wvpk", "wavpack"),
    (0, b"#!AMR", "amr"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"\0\0\x01\xba", "mpegps"),
    (0, b"MThd", "midi"),
    (0, b"FWS", "flash"),
    (0, b"CWS", "flash"),
    (0, b"ZWS", "flash"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"PK\x07\x08", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"MSCF", "cab"),
    (257, b"ustar", "tar"),
    (0, b"%!PS", "postscript"),
    (0, b"{\\rtf", "rtf"),
    (0, b"\x7fELF", "elf-executable"),
    (0, b"MZ", "windows-executable"),
    (0, b"\xca\xfe\xba\xbe", "macos-executable"),
    (0, b"\xfe\xed\xfa\xce", "macos-executable"),
    (0, b"\xfe\xed\xfa\xcf", "macos-executable"),
    (0, b"\xce\xfa\xed\xfe", "macos-executable"),
    (0, b"\xcf\xfa\xed\xfe", "macos-executable"),
    (0, b"\0asm", "webassembly"),
    (0, b"SQLite format 3\0", "sqlite"),
)
_WRITTEN = frozenset({"postscript", "rtf"})  # documents of letters; other signatures in a text are words in a text
_DOCUMENTS: tuple[tuple[tuple[bytes, ...], bytes, str], ...] = (  # (beginnings, what must follow, family)
    ((b"<svg", b"<?xml", b"<!--", b"<!doctype svg"), b"<svg", "svg"),
    ((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<iframe"), b"", "html"),
    ((b"<?xml", b"<!--"), b"<html", "html"),
    ((b"<?xml",), b"", "xml"),
    ((b"#!", b"<?php"), b"", "script"),
    ((b"#extm3u", b"ffconcat", b"[playlist]"), b"", "playlist"),
)
_MAX_TAGS = 8  # ID3v2 tags before a recording; more than one is already unusual
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"})
_MP4_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_NOT_IN_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def declared(name: str | None) -> tuple[str, Family | None, frozenset[str]]:
    """What a file name promises.

    Args:
        name: As the submitter wrote it; any characters, never used as a path.

    Returns:
        The extension (lower case, without the dot, empty when there is none), its family, and the kinds the file may
        be under that name. No known extension promises nothing: (extension, None, every kind).
    """
    extension = (name or "").rpartition(".")[2].strip().lower() if "." in (name or "") else ""
    family = _BY_EXTENSION.get(extension)
    if family is None:
        return extension, None, frozenset(KINDS)
    return extension, family, frozenset({AUDIO}) if extension in _SOUND_ONLY else family.kinds


def sniff(file: BinaryIO) -> Family:
    """The family of an open file by its bytes; `unknown` when none fits. Moves the file's position."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    start = 0
    for _ in range(_MAX_TAGS):
        if not head.startswith(b"ID3") or len(head) < 10:
            break
        start += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(start)
        head = file.read(HEAD_BYTES)
    if not start:
        return _by_signature(head) or _by_frames(head) or _by_words(head) or FAMILIES["unknown"]
    if not head:  # the file ends inside its own tag
        return FAMILIES["mp3"]
    return _by_signature(head) or _by_frames(head) or FAMILIES["unknown"]


def _by_signature(head: bytes) -> Family | None:
    binary = _NOT_IN_TEXT.search(head) is not None
    for offset, signature, name in _SIGNATURES:
        if head.startswith(signature, offset) and (binary or name in _WRITTEN or not signature.isascii()):
            return FAMILIES[name]
    found = _by_boxes(head) if binary else None
    if found is None and b"%PDF-" in head[:1024]:
        found = "pdf"
    return None if found is None else FAMILIES[found]


def _by_boxes(head: bytes) -> str | None:
    """Containers whose type stands a few bytes in, or that repeat a byte at a fixed distance."""
    brand = head[8:12]
    if head[:4] in {b"RIFF", b"RF64", b"BW64", b"FORM"}:
        return {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi", b"AIFF": "aiff", b"AIFC": "aiff"}.get(brand)
    if head[4:8] == b"ftyp" and brand in _HEIF_BRANDS:
        return "avif" if brand.startswith(b"avi") or b"avif" in head[16:64] else "heic"
    if head[4:8] in _MP4_FIRST_BOXES:
        return "mp4"
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":
        return "bmp"
    for first, step in ((0, 188), (4, 192)):
        if len(head) > first + 2 * step and all(head[first + n * step] == 0x47 for n in range(3)):
            return "mpegts"
    return None


def _by_words(head: bytes) -> Family | None:
    """Documents and plain text; None for binary data."""
    words = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        words = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode("utf-8", "replace")
    if not words or _NOT_IN_TEXT.search(words):
        return None
    beginning = words[:8192].lstrip().lower()
    for prefix, within, name in _DOCUMENTS:
        if beginning.startswith(prefix) and within in beginning:
            return FAMILIES[name]
    return FAMILIES["text"]


_BITRATES = {  # kbit/s by (MPEG version 1 or 2, layer)
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
_FRAMES_IN_A_ROW = 3  # a two-byte sync word occurs by chance in any file; three that point at each other do not


def _by_frames(head: bytes) -> Family | None:
    """MP3 and ADTS AAC have no signature: look for frames that follow one another."""
    for name, length_at in (("mp3", _mpeg_length), ("aac", _adts_length)):
        for match in re.finditer(rb"\xff[\xe0-\xff]", head[: HEAD_BYTES // 4]):
            at, frames = match.start(), 0
            while frames < _FRAMES_IN_A_ROW and (length := length_at(head, at)):
                at, frames = at + length, frames + 1
                if at >= len(head):  # the file ends with (or inside) this frame: nothing contradicts it
                    frames = _FRAMES_IN_A_ROW if match.start() == 0 else frames
                    break
            if frames >= _FRAMES_IN_A_ROW:
                return FAMILIES[name]
    return None


def _mpeg_length(data: bytes, at: int) -> int:
    """Bytes of the MPEG audio frame at an offset, 0 when there is none."""
    header = int.from_bytes(data[at : at + 4], "big") if at + 4 <= len(data) else 0
    version, layer = (header >> 19) & 3, 4 - ((header >> 17) & 3)
    bitrate, rate = (header >> 12) & 15, (header >> 10) & 3
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    kbit = _BITRATES[1 if version == 3 else 2, layer][bitrate]
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = (header >> 9) & 1
    if layer == 1:
        return (12_000 * kbit // hertz + padding) * 4
    samples = 72_000 if layer == 3 and version != 3 else 144_000
    return samples * kbit // hertz + padding


def _adts_length(data: bytes, at: int) -> int:
    """Bytes of the ADTS frame at an offset, 0 when there is none."""
    header = int.from_bytes(data[at : at + 7], "big") if at + 7 <= len(data) else 0
    if header >> 44 != 0xFFF or (header >> 41) & 3 or ((header >> 34) & 15) > 12:
        return 0
    length = (header >> 13) & 0x1FFF
    return length if length > 7 else 0
