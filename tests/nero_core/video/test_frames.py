"""Frames of a video: containers, time, rotation, hostile and truncated files."""

import hashlib
import os
import resource
import struct
from pathlib import Path

import numpy as np
import pytest

from nero_core.errors import ImageError, NeroError
from nero_core.video import Sampling, Video, VideoLimits
from tests.nero_core.video.clips import CODECS, SIDE, black, blurred, drawn, write_clip, write_sound

EVERY = Sampling(every=0.5, change=1.0)
CLOCKWISE = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # a telephone's upright recording


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One video of three seconds in every container: a picture that a bar moves across."""
    folder = tmp_path_factory.mktemp("clips")
    for suffix in CODECS:
        write_clip(folder / f"clip{suffix}", [with_bar(number) for number in range(30)])
    return folder


def with_bar(number: int) -> np.ndarray:
    pixels = drawn()
    pixels[:, 3 * number : 3 * number + 3] = (0, 255, 0)
    return pixels


@pytest.mark.parametrize("suffix", CODECS)
def test_every_container_gives_frames_by_time(clips: Path, suffix: str):
    video = Video(clips / f"clip{suffix}")
    frames = list(video.frames(EVERY))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5])
    assert [frame.index for frame in frames] == [0, 5, 10, 15, 20, 25]
    assert video.seconds == pytest.approx(3) and video.size == (SIDE, SIDE)
    assert video.account.decoded == 30 and video.account.sampled == 6 and not video.account.notes
    for frame in frames:
        difference = np.abs(frame.picture.pixels.astype(int) - with_bar(frame.index))
        assert difference.mean() < 12  # compressed; another frame's bar alone makes up more
        assert np.abs(frame.picture.pixels.astype(int) - with_bar(frame.index + 5)).mean() > difference.mean() + 2


def test_a_frame_has_a_stable_id_a_name_and_a_note(clips: Path):
    path = clips / "clip.mp4"
    picture = list(Video(path).frames(EVERY))[1].picture
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert picture.id == hashlib.sha256(f"{digest} 0.500000".encode()).hexdigest()
    assert picture.name == "clip.mp4 · 00:00.50" and picture.note == "Frame at 00:00.50."
    from_bytes = list(Video(path.read_bytes(), "other.mp4").frames(EVERY))[1].picture
    assert from_bytes.id == picture.id and from_bytes.name == "other.mp4 · 00:00.50"
    assert np.array_equal(from_bytes.pixels, picture.pixels)


@pytest.mark.parametrize("suffix", CODECS)
def test_a_frame_by_itself_is_the_same_picture(clips: Path, suffix: str):
    video = Video(clips / f"clip{suffix}")
    for frame in video.frames(EVERY):
        alone = video.frame_at(frame.time)
        assert alone == frame.picture
        assert np.array_equal(alone.pixels, frame.picture.pixels)


def test_a_time_without_a_frame_is_refused(clips: Path):
    with pytest.raises(ImageError, match=r"expected a frame at 00:00\.25; found none"):
        Video(clips / "clip.mp4").frame_at(0.25)


def test_dark_and_blurred_frames_are_left_out_and_counted(tmp_path: Path):
    good, bad = drawn(side=224), blurred(drawn(side=224))
    shown = [good] * 10 + [black(224)] * 10 + [bad] * 5 + [good] * 5
    video = Video(write_clip(tmp_path / "clip.avi", shown))
    frames = list(video.frames(EVERY))
    assert [(frame.index, frame.missed) for frame in frames] == [(0, 0), (5, 0), (25, 3)]
    account = video.account
    assert (account.decoded, account.sampled, account.dark, account.blurred) == (30, 6, 2, 1)
    assert str(account) == "30 frames, 6 looked at, 3 scored. Left out: 2 dark, 1 blurred."
    kept_all = list(video.frames(Sampling(every=0.5, change=1.0, dark=0.0, blurred=0.0)))
    assert len(kept_all) == 6


def test_a_change_between_two_samples_is_looked_at(tmp_path: Path):
    calm, other = drawn(), 255 - drawn()
    path = write_clip(tmp_path / "clip.avi", [calm] * 12 + [other] * 2 + [calm] * 6)
    times = [frame.time for frame in Video(path).frames(Sampling(every=1.0, change=0.15))]
    assert times == pytest.approx([0, 1, 1.2, 1.4])  # where it comes, and where it goes
    assert [frame.time for frame in Video(path).frames(Sampling(every=1.0, change=1.0))] == pytest.approx([0, 1])


def test_frames_at_uneven_times_are_sampled_by_time(tmp_path: Path):
    times = [0, 0.1, 0.2, 0.3, 2.0, 2.7, 2.8, 5.0, 5.1]
    path = write_clip(tmp_path / "clip.mkv", [drawn(seed=seed) for seed in range(len(times))], times=times)
    frames = list(Video(path).frames(Sampling(every=1.0, change=1.0)))
    assert [frame.time for frame in frames] == pytest.approx([0, 2.0, 5.0])
    assert [frame.index for frame in frames] == [0, 4, 7]


def test_a_recording_that_was_turned_is_upright(tmp_path: Path):
    stored = drawn()
    stored[:30, :40] = (255, 0, 0)  # upper left
    path = write_clip(tmp_path / "clip.mp4", [stored] * 3, matrix=CLOCKWISE)
    pixels = next(iter(Video(path).frames(EVERY))).picture.pixels
    turned = np.rot90(stored, -1)  # clockwise: upper left becomes upper right
    assert np.abs(pixels.astype(int) - turned).mean() < 12
    assert np.abs(pixels.astype(int) - stored).mean() > 30


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".webm"])
def test_a_truncated_file_gives_what_it_holds_and_says_so(tmp_path: Path, suffix: str):
    pictures = [drawn(seed=seed) for seed in range(30)]
    whole = write_clip(tmp_path / f"clip{suffix}", pictures).read_bytes()
    video = Video(whole[: int(0.6 * len(whole))], f"clip{suffix}")
    frames = list(video.frames(EVERY))
    assert 1 <= len(frames) < 6 and frames[0].time == 0
    if suffix != ".avi":  # whose reader takes the duration from the size of the file
        (note,) = video.account.notes
        assert note.startswith("Ends at 00:0") and "of the 00:03.00 that its header announces" in note
    else:
        assert video.account.decoded < 30 and (video.account.notes or video.account.damaged)


def test_a_file_cut_off_before_its_index_says_so(tmp_path: Path):
    whole = write_clip(tmp_path / "clip.mp4", [drawn()] * 10).read_bytes()
    moov = whole.index(b"moov") - 4
    (size,) = struct.unpack(">I", whole[moov : moov + 4])
    with pytest.raises(ImageError, match="header is damaged, or missing since the recording was cut off"):
        Video(whole[:moov] + whole[moov + size :], "clip.mp4")


def test_damaged_parts_are_passed_over_and_counted(tmp_path: Path):
    data = bytearray(write_clip(tmp_path / "clip.avi", [drawn(seed=seed) for seed in range(20)]).read_bytes())
    third = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xd8"][3]  # where a JPEG begins
    data[third : third + 3000] = bytes(3000)
    video = Video(bytes(data), "clip.avi")
    assert len(list(video.frames(EVERY))) == 4
    assert video.account.decoded == 19 and video.account.damaged == 1
    assert "1 damaged" in str(video.account)


def test_sound_beside_the_pictures_plays_no_part(tmp_path: Path):
    video = Video(write_clip(tmp_path / "clip.mkv", [drawn()] * 10, sound=True))
    assert len(list(video.frames(EVERY))) == 2 and not video.account.notes


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "an empty file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a PNG image"),
        (b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", "text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "text"),
        (b"\x80\x04pickle", "a Python pickle"),
        (b"\0\0\0\x18ftypmp42" + bytes(200), "header is damaged"),
        (b"\x1a\x45\xdf\xa3" + b"\xff" * 200, "header is damaged"),
        (b"RIFF\xff\xff\xff\xffAVI " + b"LIST" * 50, "header is damaged"),
    ],
)
def test_what_is_no_video_is_refused_in_words(data: bytes, says: str):
    with pytest.raises(ImageError, match=r"^bad\.mp4: expected an MP4, MOV, AVI, MKV or WebM video; found ") as error:
        Video(data, "bad.mp4")
    assert says in str(error.value)


def test_sound_alone_is_refused(tmp_path: Path):
    with pytest.raises(ImageError, match=r"without moving pictures \(it holds: audio\)"):
        Video(write_sound(tmp_path / "clip.mp4"))


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.mp4")
    wrong = {"gone.mp4": "no such file", ".": "a folder", "pipe.mp4": "not a regular file"}
    for name, says in wrong.items():
        with pytest.raises(ImageError, match=says):
            Video(tmp_path / name)


def test_a_header_of_huge_pictures_is_refused_before_they_are_decoded(tmp_path: Path):
    data = bytearray(write_clip(tmp_path / "clip.mkv", [drawn()] * 2).read_bytes())
    place = data.index(b"\xb0\x81\x60\xba\x81\x60")  # Matroska: PixelWidth and PixelHeight, one byte each
    data[place : place + 6] = b"\xb0\x81\xff\xba\x81\xff"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match=r"expected frames of at most 0\.01 million pixels; found a size beyond it"):
        Video(bytes(data), "clip.mkv", VideoLimits(max_pixels=10_000))
    huge = bytearray(write_clip(tmp_path / "clip.avi", [drawn()] * 2).read_bytes())
    head = huge.index(b"strf") + 8  # AVI: BITMAPINFOHEADER, and the frames of the JPEGs themselves
    huge[head + 4 : head + 12] = struct.pack("<ii", 60_000, 60_000)
    for place in [at for at in range(len(huge)) if huge[at : at + 2] == b"\xff\xc0"]:
        huge[place + 5 : place + 9] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ImageError, match=r"million pixels|no picture can be decoded|header is damaged"):
        list(Video(bytes(huge), "clip.avi").frames())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # kilobytes


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (VideoLimits(max_bytes=100), "expected a video of at most"),
        (VideoLimits(max_seconds=2.0), r"expected a video of at most 0\.03333 minutes; found 0\.05 minutes"),
        (VideoLimits(min_side=200), "at least 200 pixels on each side; found 96 × 96"),
    ],
)
def test_what_costs_too_much_is_refused(clips: Path, limits: VideoLimits, says: str):
    with pytest.raises(ImageError, match=says):
        Video(clips / "clip.mp4", limits=limits)


def test_too_many_frames_end_it_and_it_says_so(clips: Path):
    video = Video(clips / "clip.mp4", limits=VideoLimits(max_frames=12))
    assert len(list(video.frames(EVERY))) == 3
    assert video.account.notes == ("Ends at 00:01.20: what follows is beyond the limits and was not read.",)
    video = Video(clips / "clip.mp4", limits=VideoLimits(max_sampled=2))
    assert len(list(video.frames(EVERY))) == 2
    assert video.account.notes == ("Ends at 00:01.00, after 2 frames that were looked at.",)


def test_numbers_that_make_no_sense_are_refused(clips: Path):
    for sampling in (Sampling(every=0.0), Sampling(every=float("nan")), Sampling(change=2.0), Sampling(dark=-1.0)):
        with pytest.raises(NeroError, match="Expected"):
            list(Video(clips / "clip.mp4").frames(sampling))


def test_progress_counts_seconds(clips: Path):
    told: list[tuple[int, int]] = []
    list(Video(clips / "clip.mp4").frames(EVERY, lambda done, total: told.append((done, total))))
    assert told == [(0, 3), (0, 3), (1, 3), (1, 3), (2, 3), (2, 3)]


def test_one_picture_at_a_time_is_in_memory(tmp_path: Path):
    """Sixty pictures of 3 MB, of which the generator leaves none behind."""
    pictures = [np.kron(drawn(side=64), np.ones((16, 16, 1), np.uint8))] * 60
    path = write_clip(tmp_path / "clip.avi", pictures, rate=2)
    del pictures
    video = Video(path)
    frames = video.frames(Sampling(every=0.5, change=1.0, blurred=0.0))
    next(frames)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in frames) == 59
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024  # kilobytes
