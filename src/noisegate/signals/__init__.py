"""The catalogue: one line a signal, imported only when asked for. Other packages add theirs by entry point."""

BUILTIN: dict[str, str] = {
    "audio.loudness": "noisegate.signals.audio.loudness:Loudness",
    "audio.segments": "noisegate.signals.audio.segments:Segments",
    "audio.transcript": "noisegate.signals.audio.transcript:Transcript",
    "image.hashes": "noisegate.signals.image.hashes:Hashes",
    "image.nudity": "noisegate.signals.image.nudity:Nudity",
    "image.ocr": "noisegate.signals.image.ocr:Ocr",
    "match.image": "noisegate.signals.match.image:ImageMatch",
    "text.language": "noisegate.signals.text.language:Language",
    "text.moderation": "noisegate.signals.text.moderation:Moderation",
    "text.profanity": "noisegate.signals.text.profanity:Profanity",
    "video.frames": "noisegate.signals.video.frames:Frames",
    "video.soundtrack": "noisegate.signals.video.soundtrack:Soundtrack",
}
"""Name -> `module:class`."""

ENTRY_POINTS = "noisegate.signals"
"""The entry-point group under which other packages offer signals, `name = module:class`."""
