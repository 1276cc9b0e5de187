"""The uploads: what each says, plays and shows, and what should come of it.

People, shows and places are invented. The harms are mild stand-ins without slurs, plain enough for a model that reads
them to know what they are.
"""

import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from uploads_maker import music, pictures
from uploads_maker.film import force_frame, kite_frame, placard_frame, street_frame
from uploads_maker.pictures import Box, Cover
from uploads_maker.shelf import CLEAN, Expect, Shelf, drawn, heard, written
from uploads_maker.sound import RATE, Pcm, Span, Tape
from uploads_maker.speech import GERMAN, GUEST, HOST, Voice, say

THREAT = "dangerous.threat"
HARASSMENT = "dangerous.harassment"
PROFANITY = "advisory.profanity"

_TWO_VOICES = f"{HOST.name} and {GUEST.name}"


def _talk(tape: Tape, lines: Iterable[tuple[Voice, str]], *, pause_s: float = 0.45) -> list[Span]:
    """Speak lines one after the other at the end of the tape and say where each lies."""
    spans = []
    for voice, text in lines:
        spans.append(tape.put(say(text, voice)))
        tape.rest(pause_s)
    return spans


def _opening(tape: Tape, seed: int = 7) -> None:
    tape.put(music.jingle(seed))
    tape.rest(0.2)


def clean_episode(folder: Path) -> dict[str, Any]:
    """A podcast episode that nobody could mind."""
    shelf = Shelf(folder, title="Garden Hour 12: Tomatoes on a balcony", creator="garden-hour")
    tape = Tape()
    _opening(tape)
    _talk(
        tape,
        (
            (HOST, "Welcome to Garden Hour, the podcast about growing things in small places."),
            (HOST, "Today we talk about tomatoes on a balcony. My guest grows vegetables for the market."),
            (GUEST, "Thank you. Tomatoes are easier than people think. They want sun, warmth, and a deep pot."),
            (HOST, "How often should we water them?"),
            (GUEST, "Every morning in summer. Keep the soil damp, but not wet, and turn the pot a little every day."),
            (HOST, "And when do we pick the first one?"),
            (GUEST, "When it is red all over and soft in your hand. Be patient, it is worth the wait."),
            (HOST, "That was Garden Hour. Next week we plant herbs. Thank you for listening."),
        ),
    )
    shelf.audio("audio.mp3", tape.pcm())
    shelf.cover(
        "cover.jpg",
        Cover(art=pictures.garden, top=(150, 206, 230), bottom=(236, 232, 196), words=("GARDEN HOUR", "Tomatoes")),
    )
    return shelf.describe(
        kind="episode",
        description="A market gardener explains how to grow tomatoes in pots: sun, soil, water, and when to pick them.",
        markets=["DE", "GB", "US"],
        shows="a clean podcast episode: a jingle, then two people in conversation",
        how=f"voices {_TWO_VOICES}; synthesised jingle; drawn cover",
        expect=CLEAN,
    )


def clean_song(folder: Path) -> dict[str, Any]:
    """An instrumental."""
    shelf = Shelf(folder, title="Paper Lanterns", creator="low-tide-trio")
    shelf.audio("audio.m4a", music.piece(music.BALLAD, 36, seed=3), bit_rate=64_000)
    shelf.cover(
        "cover.jpg",
        Cover(art=pictures.lanterns, top=(24, 22, 66), bottom=(66, 48, 92), words=("PAPER", "LANTERNS")),
    )
    return shelf.describe(
        kind="track",
        description="A slow instrumental for summer evenings: held chords, a plucked figure and a quiet melody.",
        markets=["DE", "FR", "US"],
        shows="a clean song without a voice: no words may be heard in it",
        how="synthesised chords, bass, melody and drums; drawn cover",
        expect=CLEAN,
    )


def spoken_threat(folder: Path) -> dict[str, Any]:
    """An episode with a threat at a known second."""
    shelf = Shelf(folder, title="Night Desk 4: Listener mail", creator="night-desk")
    threat = "I know where you live, and I am going to come to your house tonight and hurt you."
    tape = Tape()
    _opening(tape, seed=8)
    _talk(
        tape,
        (
            (GUEST, "Good evening, this is Night Desk, the show for people who cannot sleep."),
            (GUEST, "Tonight we read your letters. The first one comes from Anna, who asks about the new tram line."),
            (GUEST, "The tram opens in May, Anna, and the stop is right outside the library."),
            (
                GUEST,
                "The second letter comes from a man named Martin, who did not like our last show. Martin, listen to me.",
            ),
        ),
    )
    tape.rest(0.4)
    (span,) = _talk(tape, ((GUEST, threat),), pause_s=0.8)
    _talk(
        tape,
        (
            (GUEST, "And now the weather. Tomorrow will be dry, with a light wind from the west."),
            (GUEST, "That was Night Desk. Good night."),
        ),
    )
    shelf.audio("audio.mp3", tape.pcm())
    shelf.cover(
        "cover.jpg",
        Cover(art=pictures.desk, top=(20, 24, 48), bottom=(58, 56, 84), words=("NIGHT DESK", "Listener mail")),
    )
    return shelf.describe(
        kind="episode",
        description="Letters from people who cannot sleep, and the weather for tomorrow.",
        markets=["DE", "US"],
        shows="a threat spoken in the middle of a harmless episode",
        how=f"voice {GUEST.name}; synthesised jingle; drawn cover",
        expect=Expect(
            action="review",
            at_least="review",
            why="a threat is spoken",
            evidence=[heard(THREAT, "audio.mp3", span, threat)],
        ),
    )


def harassing_description(folder: Path) -> dict[str, Any]:
    """A song whose description goes after somebody."""
    shelf = Shelf(folder, title="Slow Train Home", creator="platform-nine")
    abuse = (
        "Dana, you are a pathetic, worthless loser and everybody in town laughs at you behind your back. "
        "You are ugly, you are stupid, and nobody would miss you if you were gone."
    )
    pile_on = "Everyone, please write to her tonight and tell her what a disgusting failure she is."
    description = f"Recorded in one take at the old station. This song is for Dana from the bakery. {abuse} {pile_on}"
    shelf.audio("audio.mp3", music.piece(music.DRIFT, 24, seed=5), bit_rate=64_000)
    shelf.cover(
        "cover.jpg", Cover(art=pictures.blocks, top=(96, 70, 110), bottom=(226, 150, 110), words=("SLOW TRAIN", "HOME"))
    )
    return shelf.describe(
        kind="track",
        description=description,
        markets=["DE", "GB", "US"],
        shows="harassment without a slur, in the description only: sound and cover are clean",
        how="synthesised music; drawn cover",
        expect=Expect(
            action="block",
            at_least="review",
            why="the description insults a person and calls on others to join in",
            evidence=[written(HARASSMENT, description, abuse), written(HARASSMENT, description, pile_on)],
        ),
    )


def abusive_cover(folder: Path) -> dict[str, Any]:
    """A song whose cover carries abuse."""
    shelf = Shelf(folder, title="Concrete Choir", creator="block-party")
    words = ("YOU ARE A STUPID", "WORTHLESS IDIOT", "AND EVERYBODY", "HATES YOU")
    shelf.audio("audio.mp3", music.piece(music.MARCH, 22, seed=9), bit_rate=64_000)
    cover = Cover(
        art=pictures.plain,
        top=(150, 40, 44),
        bottom=(84, 20, 34),
        words=words,
        at=(52, 150),
        height=64,
        ink=(250, 240, 220),
    )
    box = shelf.cover("cover.png", cover)
    return shelf.describe(
        kind="track",
        description="An upbeat instrumental, the first single of the new record.",
        markets=["DE", "GB", "US"],
        shows="abuse drawn on the cover: title, description and sound are clean",
        how="synthesised music; drawn cover with lettering",
        expect=Expect(
            action="block",
            at_least="review",
            why="the cover insults whoever reads it",
            evidence=[drawn(HARASSMENT, "cover.png", box, words)],
        ),
    )


def abusive_film(folder: Path) -> dict[str, Any]:
    """A video with abuse in its frames, and again in its sound."""
    shelf = Shelf(folder, title="Saturday on Mill Street", creator="mill-street-films")
    words = ("YOU ARE UGLY", "AND STUPID", "NOBODY WANTS YOU")
    insult = "You are a stupid, worthless idiot. Everybody here hates you."
    tape = Tape()
    tape.rest(0.6)
    _talk(tape, ((HOST, "This is Mill Street on a Saturday. A bus comes every ten minutes."),))
    tape.rest(1.2)
    placard_from_s = tape.end_s
    tape.rest(6.0)
    placard = Span(start_s=placard_from_s, end_s=tape.end_s)
    tape.rest(0.8)
    _talk(tape, ((HOST, "Here is the bus again, on its way to the harbour."),), pause_s=0.9)
    (spoken,) = _talk(tape, ((HOST, insult),), pause_s=0.9)
    _talk(tape, ((HOST, "Thank you for watching."),), pause_s=0.8)
    tape.put(music.piece(music.BED, tape.end_s, seed=6), at_s=0, gain_db=-16)

    def draw(second: float) -> Image.Image:
        if placard.start_s <= second < placard.end_s:
            return placard_frame(second, words)[0]
        return street_frame(second)

    shelf.film("film.mp4", draw, tape.pcm())
    box: Box = placard_frame(0, words)[1]
    shelf.cover(
        "cover.png",
        Cover(art=pictures.bus, top=(150, 190, 220), bottom=(232, 226, 214), words=("MILL STREET", "Saturday")),
    )
    return shelf.describe(
        kind="video",
        description="A short film about the bus that runs along Mill Street.",
        markets=["DE", "US"],
        shows="abuse burned into a film's frames, and other abuse spoken later in its soundtrack",
        how=f"voice {HOST.name}; synthesised music; drawn frames and cover; H.264 and AAC",
        expect=Expect(
            action="block",
            at_least="review",
            why="frames and soundtrack insult whoever watches",
            evidence=[
                drawn(HARASSMENT, "film.mp4", box, words, placard),
                heard(HARASSMENT, "film.mp4", spoken, insult),
            ],
        ),
    )


def undeclared_explicit(folder: Path) -> dict[str, Any]:
    """A spoken-word track with strong language that its creator did not declare."""
    shelf = Shelf(folder, title="Monday Again", creator="kettle-and-keys")
    lines = (
        "What the fuck is this shit, the kettle's on the floor.",
        "Lost my fucking keys, and I can't lock the door.",
        "Missed the bus again, what a shitty way to start.",
        "Coffee on my shirt like a fucking work of art.",
        "But the sun comes out, and the street begins to sing.",
        "Monday is a mess, but I don't mind a thing.",
    )
    beat_s = 60 / music.BEAT.bpm
    tape = Tape()
    spans = []
    for number, line in enumerate(lines):
        spans.append(tape.put(say(line, GUEST), at_s=(2 + 1.5 * number) * 4 * beat_s))
    seconds = tape.end_s + 4 * beat_s
    tape.put(music.piece(music.BEAT, seconds, seed=4), at_s=0, gain_db=-11)
    shelf.audio("audio.mp3", tape.pcm(), bit_rate=64_000)
    shelf.cover(
        "cover.png",
        Cover(art=pictures.kettle, top=(120, 170, 190), bottom=(60, 100, 130), words=("MONDAY", "AGAIN")),
    )
    strong = [
        heard(PROFANITY, "audio.mp3", span, line)
        for span, line in zip(spans, lines, strict=True)
        if "shit" in line or "fuck" in line
    ]
    return shelf.describe(
        kind="track",
        description="A bad morning, told over a beat.",
        markets=["DE", "GB", "US"],
        shows="strong language, aimed at nobody, in a track that is declared free of it",
        how=f"voice {GUEST.name} over a synthesised beat; drawn cover",
        expect=Expect(action="label", at_least="label", why="strong language is not declared", evidence=strong),
    )


def mislabelled_file(folder: Path) -> dict[str, Any]:
    """An `audio.mp3` that is an archive."""
    shelf = Shelf(folder, title="Harbour Lights", creator="pier-seven")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as entries:
        for number in range(3):
            when = (2024, 1, 1, 0, 0, 0)  # the day of making would change the bytes
            entries.writestr(zipfile.ZipInfo(f"notes-{number}.txt", when), "This is an archive, not music.\n" * 200)
    shelf.bytes("audio.mp3", archive.getvalue(), "recording")
    shelf.cover(
        "cover.jpg", Cover(art=pictures.waves, top=(30, 52, 90), bottom=(120, 150, 170), words=("HARBOUR", "LIGHTS"))
    )
    return shelf.describe(
        kind="track",
        description="A quiet piece about ships that come home.",
        markets=["DE", "US"],
        shows="a file that is not what its name says: `audio.mp3` is a ZIP archive",
        how="a ZIP archive of text files under another name; drawn cover",
        expect=Expect(action="review", at_least="review", why="the recording cannot be judged: it is an archive"),
    )


def clean_film(folder: Path) -> dict[str, Any]:
    """A video that nobody could mind."""
    shelf = Shelf(folder, title="How a kite flies", creator="small-science")
    tape = Tape()
    tape.rest(0.8)
    _talk(
        tape,
        (
            (HOST, "Have you ever wondered how a kite stays in the sky?"),
            (HOST, "The wind pushes against the paper, and the string holds it back."),
            (HOST, "Because the kite leans, part of the push becomes lift."),
        ),
    )
    turn_s = tape.end_s
    _talk(
        tape,
        (
            (HOST, "A ball works differently. It falls, it squeezes the ground, and the ground pushes back."),
            (HOST, "Next time we build a kite from an old map."),
        ),
        pause_s=0.7,
    )
    tape.put(music.piece(music.BED, tape.end_s + 0.5, seed=2), at_s=0, gain_db=-14)

    def draw(second: float) -> Image.Image:
        if second < turn_s:
            return kite_frame(second, "How a kite flies")
        return force_frame(second - turn_s, "How a ball bounces")

    shelf.film("film.webm", draw, tape.pcm())
    return shelf.describe(
        kind="video",
        description="Two minutes of physics in less than one: what holds a kite up, and what makes a ball bounce.",
        markets=["DE", "GB", "US"],
        shows="a clean film with two scenes, a narrator and music",
        how=f"voice {HOST.name}; synthesised music; drawn frames; VP9 and Opus",
        expect=CLEAN,
    )


def german_episode(folder: Path) -> dict[str, Any]:
    """A clean episode in another language."""
    shelf = Shelf(folder, title="Garten am Fenster 3: Tomaten", creator="garten-am-fenster")
    tape = Tape()
    _opening(tape, seed=9)
    _talk(
        tape,
        (
            (GERMAN, "Willkommen bei Garten am Fenster, der Sendung über Pflanzen auf kleinem Raum."),
            (GERMAN, "Heute sprechen wir über Tomaten und über Apfelbäume."),
            (GERMAN, "Tomaten brauchen viel Sonne und jeden Tag frisches Wasser. Ein Apfelbaum braucht mehr Platz."),
            (GERMAN, "Prüfe jeden Morgen mit dem Finger, ob die Erde noch feucht ist."),
            (GERMAN, "Danke fürs Zuhören, und bis nächste Woche."),
        ),
    )
    shelf.audio("audio.ogg", tape.pcm(), bit_rate=40_000)
    shelf.cover(
        "cover.jpg",
        Cover(art=pictures.window, top=(236, 222, 196), bottom=(222, 200, 168), words=("GARTEN AM", "FENSTER")),
    )
    return shelf.describe(
        kind="episode",
        description="Tomaten und Apfelbäume auf kleinem Raum: was sie brauchen und was sie nicht mögen.",
        markets=["AT", "CH", "DE"],
        shows="a clean episode in German: the language must be recognised, and nothing else",
        how=f"voice {GERMAN.name}; synthesised jingle; drawn cover",
        expect=CLEAN,
        language="de",
    )


def speech_over_music(folder: Path) -> dict[str, Any]:
    """Spoken word over a bed of music."""
    shelf = Shelf(folder, title="Letters from the Lighthouse", creator="north-window")
    lines = (
        "Dear friend, the winter has been long, and the sea is loud at night.",
        "I climb the stairs at four, and I light the lamp for the fishing boats.",
        "Yesterday a gull came in through the window and slept beside the stove.",
        "When the ice is gone, come and visit me. I will bake the bread you like.",
    )
    tape = Tape(3.5)
    _talk(tape, ((HOST, line) for line in lines), pause_s=1.6)
    seconds = tape.end_s + 3.5
    tape.put(_ducked(music.piece(music.BED, seconds, seed=8), tape.pcm()), at_s=0, gain_db=-6)
    shelf.audio("audio.m4a", tape.pcm(), bit_rate=64_000)
    shelf.cover(
        "cover.png",
        Cover(
            art=pictures.lighthouse, top=(36, 56, 92), bottom=(150, 160, 170), words=("LETTERS FROM", "THE LIGHTHOUSE")
        ),
    )
    return shelf.describe(
        kind="track",
        description="A letter read over slow music.",
        markets=["GB", "IE", "NO"],
        shows="speech over music from beginning to end: the words must be heard, the music must not add any",
        how=f"voice {HOST.name} over synthesised music that steps back while it speaks; drawn cover",
        expect=CLEAN,
    )


def clean_chapter(folder: Path) -> dict[str, Any]:
    """A chapter of an audiobook, without loss."""
    shelf = Shelf(folder, title="The Clockmaker's Apprentice, chapter one", creator="attic-press")
    tape = Tape(0.5)
    _talk(
        tape,
        (
            (HOST, "Chapter one. The shop on the corner."),
            (HOST, "There were forty clocks in the shop, and no two of them agreed."),
            (HOST, "Every morning the old man wound them all, and every evening he asked the boy what time it was."),
            (HOST, "The boy looked out of the window, at the sun above the roofs, and said, it is time to go home."),
        ),
        pause_s=0.6,
    )
    shelf.audio("audio.flac", tape.pcm())
    shelf.cover(
        "cover.png",
        Cover(
            art=pictures.clock,
            top=(236, 224, 200),
            bottom=(206, 184, 150),
            words=("The Clockmaker's", "Apprentice"),
            ink=(70, 44, 28),
        ),
    )
    return shelf.describe(
        kind="chapter",
        description="The first chapter of a story about an old man, a boy and forty clocks.",
        markets=["DE", "GB", "US"],
        shows="a clean audiobook chapter in a file without loss",
        how=f"voice {HOST.name}; drawn cover; FLAC",
        expect=CLEAN,
    )


def _ducked(bed: Pcm, speech: Pcm) -> Pcm:
    """Give the bed with 8 dB less wherever there is speech, moved gently."""
    hop = RATE // 20
    padded = np.zeros(-(-bed.size // hop) * hop, dtype=np.float32)
    padded[: speech.size] = np.abs(speech)
    talking = (padded.reshape(-1, hop).max(axis=1) > 0.01).astype(np.float32)
    gentle = np.convolve(talking, np.ones(16) / 16, mode="same")
    gain = 10 ** (-8 * np.interp(np.arange(bed.size) / hop, np.arange(gentle.size) + 0.5, gentle) / 20)
    return (bed * gain).astype(np.float32)


UPLOADS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "01-clean-episode": clean_episode,
    "02-clean-song": clean_song,
    "03-spoken-threat": spoken_threat,
    "04-harassing-description": harassing_description,
    "05-abusive-cover": abusive_cover,
    "06-abusive-film": abusive_film,
    "07-undeclared-explicit": undeclared_explicit,
    "08-not-what-it-says": mislabelled_file,
    "09-clean-film": clean_film,
    "10-german-episode": german_episode,
    "11-speech-over-music": speech_over_music,
    "12-clean-chapter": clean_chapter,
}
"""Folder name and what fills it, in the order they are shown."""
