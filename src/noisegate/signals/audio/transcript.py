"""What is said or sung, word by word, with the second of every word.

Only parts that `audio.segments` calls speech or singing are listened to. What the model is not sure of is left out
rather than guessed: a word that was never said must not decide about an upload. It does not know who speaks, and does
not judge what is said; the text it makes is a part like any other and reaches every text signal.

Long parts are read window by window, so memory does not grow with their length.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from noisegate.core.extras import require
from noisegate.core.ids import Digest
from noisegate.core.modality import SAMPLE_RATE, Anchor, Audio, Modality, Origin, Role, Text, Where
from noisegate.core.signal import Cost, Example, LoadContext, Parts, Signal, SignalSpec, Weights
from noisegate.signals.audio.sounds import chord, recording, spoken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

_FRAME = 160
"""Samples of one spectrogram frame."""
_FULL_CONTEXT = 3000
"""Frames of the 30 s that the model was trained on."""
_LEAST_SAMPLES = SAMPLE_RATE // 10
_STOPPED_EARLY_S = 5.0
"""A window with no words in its last five seconds was perhaps left too soon: the next one begins at its last word."""
_AROUND_S = 10.0
"""How far around a part its language is looked for."""
_TOKENS_PER_S = 14
"""More than anybody says in a second: bounds the time a repetition loop takes."""
_LONGEST_ANSWER = 448
"""Tokens, the model's own limit."""
_DRONE = re.compile(r"(\S{1,4}?)\1{7,}")
"""No words of any language: `fffffff`, `1.1.1.1.1.1.1`."""
_SURE_TO_SWITCH = 0.8
"""Probability of another language than the windows before."""
_OPENING = "\"'\u201c\u00bf([{-"
_CLOSING = "\"'.\u3002,\uff0c!\uff01?\uff1f:\uff1a\u201d)]}\u3001"
"""Punctuation that belongs to the word after and before it."""
_CODES = {"jw": "jv"}
"""The model's codes that are not BCP-47."""


@dataclass(frozen=True, kw_only=True)
class Transcript(Signal[Audio, Parts]):
    """OpenAI's Whisper base, multilingual, as int8 on CTranslate2 (faster-whisper).

    Windows are cut at the quietest moment and shown to the model with `padding_s` of silence instead of padded to 30 s:
    on our recordings that halves the time at the same word error rate. Whether a window is believed follows from the
    model's own doubts (`no_speech`, `log_probability`, `compression`): one that repeats itself or is unsure is heard
    once more with the full 30 s. Temperature is 0 and nothing is carried from window to window, so the same sound always
    gives the same words.

    Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022.
    """

    spec = SignalSpec(
        name="audio.transcript",
        version="1.0.0",
        summary="Words heard in speech and singing, with their times and language.",
        makes={Role.TRANSCRIPT: Modality.TEXT},
        roles=frozenset({Role.SPEECH, Role.SINGING}),
        cost=Cost(cpu_s=2.0, tier=2),
        extra="audio",
        licence="Apache-2.0/MIT",
        languages=(
            "en",
            "zh",
            "de",
            "es",
            "ru",
            "ko",
            "fr",
            "ja",
            "pt",
            "tr",
            "pl",
            "nl",
            "ar",
            "sv",
            "it",
            "id",
            "hi",
        ),
        limits="A small model: names, accents, overlapping voices, sung words and all but the larger languages come out with "
        "errors. Single words far from any other are often missed. It writes what it takes for words, not sounds.",
    )
    weights = Weights(
        model="whisper-base",
        digest=Digest("sha256:afa6043e4a20001da3d652e8059cbdea97e7978941e614d75979c3a616307216"),
    )

    beam_size: int = 2
    """Hypotheses kept while decoding."""
    window_s: float = 20.0
    """Longest window; at most 28."""
    padding_s: float = 1.0
    """Silence after each window: without it the model misses the end."""
    least_context_s: float = 10.0
    """Shorter windows are padded to this: the model gets lost in less."""
    no_speech: float = 0.4
    """Probability (0..1) of no speech from which a spoken window must reach `clear` to be believed. The model takes singing
    for no speech, so a sung window must be in a sure language instead."""
    clear: float = -0.4
    """Mean log-probability of the tokens of a window whose words are beyond doubt."""
    log_probability: float = -1.0
    """Mean log-probability of the tokens below which a window is not believed."""
    compression: float = 2.4
    """How much shorter the text can be packed; above this it is a loop, which is cut off where it sets in."""
    language_confidence: float = 0.5
    """Probability (0..1) of the language below which a part has none."""

    def load(self, ctx: LoadContext) -> Any:
        """The model with its tokenizers. Raises NotInstalledError."""
        library = require("faster_whisper", extra="audio")
        model = library.WhisperModel(
            str(ctx.weights(self.weights)),
            device="cpu",
            compute_type="int8",
            cpu_threads=ctx.threads,
            local_files_only=True,
        )
        return _Ears(model)

    def run(self, model: Any, batch: Sequence[Audio]) -> Sequence[Parts]:
        """One text for every part in which something was said, none for the others."""
        return [self._listen(model, part) for part in batch]

    def _listen(self, ears: "_Ears", part: Audio) -> Parts:
        words: list[_Word] = []
        seconds: dict[str, float] = {}
        language = None
        start = 0.0
        while len(samples := _window(part, start, self.window_s)) >= _LEAST_SAMPLES:
            length = len(samples) / SAMPLE_RATE
            heard = self._hear(ears, part, samples, language)
            if heard is None:
                start += length
                continue
            words += [word.later(start) for word in heard.words]
            if heard.sure:
                seconds[heard.language] = seconds.get(heard.language, 0.0) + length
                language = heard.language
            start += heard.end_s if heard.words and length - heard.end_s > _STOPPED_EARLY_S else length
        text = _text(part, words, max(seconds, key=lambda code: seconds[code], default=None))
        return Parts(parts=(text,) if text else ())

    def _hear(self, ears: "_Ears", part: Audio, samples: "Samples", known: str | None) -> "_Heard | None":
        """The words of one window, or None when nothing was said that can be believed."""
        frames = len(samples) // _FRAME
        encoded = ears.encode(samples, self._context(frames))
        language, sure = self._language(ears, encoded, known)
        if not sure and part.role is Role.SPEECH:
            language, sure = self._language_around(ears, part) or (language, sure)
        answer = ears.decode(encoded, language, frames, beam_size=self.beam_size)
        if part.role is Role.SINGING:
            nobody = not sure
        else:
            nobody = answer.no_speech >= self.no_speech and answer.log_probability < self.clear
        if not nobody and (answer.log_probability < self.log_probability or answer.compression > self.compression):
            encoded = ears.encode(samples, _FULL_CONTEXT)
            answer = ears.decode(encoded, language, frames, beam_size=max(5, self.beam_size))
        if nobody or answer.log_probability < self.log_probability:
            return None
        words = ears.words(encoded, language, frames, answer)
        while words and _compression("".join(word.text for word in words)) > self.compression:
            words.pop()
        return _Heard(language=language, sure=sure, words=_without_drones(words))

    def _language_around(self, ears: "_Ears", part: Audio) -> tuple[str, bool] | None:
        """The language of what surrounds a part that is too short to tell its own; None when that is no surer."""
        start, end = part.start_s - _AROUND_S, part.start_s + part.duration_s + _AROUND_S
        around = part.content.samples(max(0.0, start), min(part.content.duration_s, end))
        around = around[: round(self.window_s * SAMPLE_RATE)]
        if len(around) <= part.duration_s * SAMPLE_RATE:
            return None
        language, sure = self._language(ears, ears.encode(around, self._context(len(around) // _FRAME)), None)
        return (language, sure) if sure else None

    def _context(self, frames: int) -> int:
        """How many frames the encoder is shown for a window; an even number."""
        wanted = max(frames + round(self.padding_s * 100), round(self.least_context_s * 100))
        return min(_FULL_CONTEXT, wanted + wanted % 2)

    def _language(self, ears: "_Ears", encoded: Any, known: str | None) -> tuple[str, bool]:
        """The language of a window and whether that is sure; `known` stays unless another one is certain."""
        language, probability = ears.language(encoded)
        if known is not None and probability < _SURE_TO_SWITCH:
            return known, True
        return language, probability >= self.language_confidence

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """A spoken sentence, and a chord in which nobody says anything."""
        return [
            Example(
                part=lambda: recording(spoken(), role=Role.SPEECH),
                makes={Role.TRANSCRIPT: 1},
                contains="the train leaves at",
                why="a sentence in a synthetic voice",
            ),
            Example(part=lambda: recording(chord(4.0), role=Role.SINGING), makes={Role.TRANSCRIPT: 0}),
        ]


@dataclass(frozen=True, kw_only=True)
class _Word:
    """One word with the space before it, in seconds of its part."""

    text: str
    start_s: float
    end_s: float
    probability: float

    def later(self, seconds: float) -> "_Word":
        return _Word(
            text=self.text,
            start_s=self.start_s + seconds,
            end_s=self.end_s + seconds,
            probability=self.probability,
        )


@dataclass(frozen=True, kw_only=True)
class _Heard:
    language: str
    sure: bool
    words: list[_Word]

    @property
    def end_s(self) -> float:
        """When the last word ends, in seconds of its window."""
        return self.words[-1].end_s if self.words else 0.0


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What the decoder gave for one window."""

    tokens: list[int]
    no_speech: float
    log_probability: float
    compression: float


@dataclass(frozen=True)
class _Ears:
    """The loaded model and a tokenizer for each language met so far."""

    model: Any
    tokenizers: dict[str, Any] = field(default_factory=dict)

    def encode(self, samples: "Samples", frames: int) -> Any:
        """The encoder's view of the samples, padded with silence to `frames` spectrogram frames."""
        import numpy as np

        seen = self.model.feature_extractor(samples)[:, : len(samples) // _FRAME]
        return self.model.encode(np.pad(seen, ((0, 0), (0, max(0, frames - seen.shape[1])))))

    def language(self, encoded: Any) -> tuple[str, float]:
        """The likeliest language and its probability."""
        token, probability = self.model.model.detect_language(encoded)[0][0]
        return str(token)[2:-2], float(probability)

    def decode(self, encoded: Any, language: str, frames: int, *, beam_size: int) -> _Answer:
        """The likeliest text, without fallback to sampling."""
        tokenizer = self.tokenizer(language)
        prompt = self.model.get_prompt(tokenizer, [], without_timestamps=True)
        longest = len(prompt) + 24 + frames * _TOKENS_PER_S // 100
        result = self.model.model.generate(
            encoded,
            [prompt],
            beam_size=beam_size,
            max_length=min(_LONGEST_ANSWER, longest),
            suppress_tokens=self._suppressed(tokenizer),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        length = len(result.sequences_ids[0])
        return _Answer(
            tokens=tokens,
            no_speech=float(result.no_speech_prob),
            log_probability=float(result.scores[0]) * length / (length + 1),
            compression=_compression(tokenizer.decode(tokens)),
        )

    def words(self, encoded: Any, language: str, frames: int, answer: _Answer) -> list[_Word]:
        """The answer's words with their times in the window."""
        segment: dict[str, Any] = {"seek": 0, "start": 0.0, "end": frames / 100, "tokens": answer.tokens}
        self.model.add_word_timestamps(
            [[segment]], self.tokenizer(language), encoded, frames, _OPENING, _CLOSING, last_speech_timestamp=0.0
        )
        return [
            _Word(
                text=word["word"],
                start_s=float(word["start"]),
                end_s=float(word["end"]),
                probability=float(word["probability"]),
            )
            for word in segment.get("words", ())
        ]

    def tokenizer(self, language: str) -> Any:
        """The tokenizer that starts every answer in `language`."""
        if language not in self.tokenizers:
            made = require("faster_whisper.tokenizer", extra="audio").Tokenizer(
                self.model.hf_tokenizer, multilingual=True, task="transcribe", language=language
            )
            self.tokenizers[language] = made
        return self.tokenizers[language]

    def _suppressed(self, tokenizer: Any) -> list[int]:
        """Tokens that are no words: music notes, brackets and speaker marks."""
        found = require("faster_whisper.transcribe", extra="audio").get_suppressed_tokens(tokenizer, [-1])
        return list(found)


def _window(part: Audio, start: float, longest_s: float) -> "Samples":
    """The samples from `start` seconds on, at most `longest_s` of them, cut at the quietest moment near the end."""
    left = part.duration_s - start
    samples = part.samples(start, min(part.duration_s, start + longest_s))
    if left <= longest_s:
        return samples
    # the last two windows share what is left, so that none is a scrap
    most = min(1.0, 0.6 * left / longest_s)
    return samples[: _quietest(samples, int(0.6 * most * len(samples)), int(most * len(samples)))]


def _quietest(samples: "Samples", first: int, last: int) -> int:
    """The middle of the quietest 0.3 s between two sample numbers."""
    import numpy as np

    width = 30
    levels = np.square(samples[first:last][: (last - first) // _FRAME * _FRAME]).reshape(-1, _FRAME).mean(axis=1)
    if len(levels) < width:
        return last
    around = np.convolve(levels, np.ones(width), "valid")
    return first + (int(around.argmin()) + width // 2) * _FRAME


def _text(part: Audio, words: Sequence[_Word], language: str | None) -> Text | None:
    """The words as one text, each anchored to its time in the asset; None without words."""
    text = ""
    anchors = []
    for word in words:
        plain = word.text.strip()
        if not any(map(str.isalnum, plain)):
            continue
        spaced = word.text[:1].isspace()
        text += " " if text and spaced else ""
        start = min(max(0.0, word.start_s), part.duration_s)
        end = min(max(start, word.end_s), part.duration_s)
        anchors.append(
            Anchor(
                span=(len(text), len(text) + len(plain)),
                where=Where(start_s=round(part.start_s + start, 3), end_s=round(part.start_s + end, 3)),
                confidence=round(min(1.0, max(0.0, word.probability)), 3),
            )
        )
        text += plain
    if not text:
        return None
    code = _CODES.get(language, language) if language else None
    return Text(
        role=Role.TRANSCRIPT, text=text, language=code, anchors=tuple(anchors), origin=Origin(where=part.origin.where)
    )


def _without_drones(words: Sequence[_Word]) -> list[_Word]:
    """The words that are no part of a sound drawn out over and over."""
    drones = [match.span() for match in _DRONE.finditer("".join(word.text for word in words))]
    kept, start = [], 0
    for word in words:
        end = start + len(word.text)
        if not any(first < end and start < last for first, last in drones):
            kept.append(word)
        start = end
    return kept


def _compression(text: str) -> float:
    """Bytes of the text over its packed bytes; 0 for none."""
    import zlib

    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
