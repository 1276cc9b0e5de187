"""What is said or sung, word by word, with the second of every word.

Only parts that `audio.segments` calls speech or singing are listened to. What the model is not sure of is left out
rather than guessed: a word that was never said must not decide about an upload. It does not know who speaks, and does
not judge what is said; the text it makes is a part like any other and reaches every text signal.

Long parts are read window by window, so memory does not grow with their length.
"""

from collections.abc import Iterator, Sequence
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
_TOKENS_PER_S = 14
"""More than anybody says in a second: bounds the time a repetition loop takes."""
_LONGEST_ANSWER = 448
"""Tokens, the model's own limit."""
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
    model's own doubts (`no_speech`, `log_probability`, `compression`); one that repeats itself is heard once more with
    the full 30 s, then dropped. Temperature is 0 and nothing is carried from window to window, so the same sound always
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
    no_speech: float = 0.6
    """Probability (0..1) of no speech from which a window must be sure of its words."""
    log_probability: float = -1.0
    """Mean log-probability of the tokens below which a window is not believed."""
    compression: float = 2.4
    """How much shorter the text can be packed when it repeats itself; above this it is a loop."""
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
        for start, samples in _windows(part, self.window_s):
            heard = self._hear(ears, samples, language)
            if heard is not None:
                words += [word.later(start) for word in heard.words]
                if heard.sure:
                    seconds[heard.language] = seconds.get(heard.language, 0.0) + len(samples) / SAMPLE_RATE
                    language = heard.language
        spoken_in = max(seconds, key=lambda code: seconds[code], default=None)
        text = _text(part, words, spoken_in)
        return Parts(parts=(text,) if text else ())

    def _hear(self, ears: "_Ears", samples: "Samples", known: str | None) -> "_Heard | None":
        """The words of one window, or None when nothing was said that can be believed."""
        frames = len(samples) // _FRAME
        short = max(frames + round(self.padding_s * 100), round(self.least_context_s * 100))
        encoded = ears.encode(samples, min(_FULL_CONTEXT, short + short % 2))
        language, probability = ears.language(encoded)
        sure = probability >= self.language_confidence
        if known is not None and probability < _SURE_TO_SWITCH:
            language, sure = known, True
        answer = ears.decode(encoded, language, frames, beam_size=self.beam_size)
        if not self._believes(answer):
            if answer.no_speech > self.no_speech:
                return None
            encoded = ears.encode(samples, _FULL_CONTEXT)
            answer = ears.decode(encoded, language, frames, beam_size=max(5, self.beam_size))
            if not self._believes(answer):
                return None
        return _Heard(language=language, sure=sure, words=ears.words(encoded, language, frames, answer))

    def _believes(self, answer: "_Answer") -> bool:
        return answer.log_probability >= self.log_probability and answer.compression <= self.compression

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


def _windows(part: Audio, longest_s: float) -> Iterator[tuple[float, "Samples"]]:
    """Start in seconds and samples of windows of at most `longest_s`, cut at the quietest moment near their end."""
    start = 0.0
    while part.duration_s - start > _LEAST_SAMPLES / SAMPLE_RATE:
        left = part.duration_s - start
        samples = part.samples(start, min(part.duration_s, start + longest_s))
        if left > longest_s:
            # the last two windows share what is left, so that none is a scrap
            most = min(1.0, 0.6 * left / longest_s) if left < 1.6 * longest_s else 1.0
            samples = samples[: _quietest(samples, int(0.6 * most * len(samples)), int(most * len(samples)))]
        if len(samples) < _LEAST_SAMPLES:
            return
        yield start, samples
        start += len(samples) / SAMPLE_RATE


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
        if not plain:
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


def _compression(text: str) -> float:
    """Bytes of the text over its packed bytes; 0 for none."""
    import zlib

    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
