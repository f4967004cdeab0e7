"""What the timeline of a video says."""

from dashboard.words.numbers import listed
from nero_core.figures import number, percent
from nero_core.types import Timeline, time_stamp


def stretches(timeline: Timeline) -> str:
    """How many frames are unlike, beside how many would be by chance, and where they stay so."""
    total, runs = len(timeline.frames), timeline.stretches
    if not total:
        return "No frame was good enough to be scored."
    head = (
        f"{timeline.unlike} of {total} {'frame is' if total == 1 else 'frames are'} unlike the reference images; of "
        f"frames like them, about {percent(timeline.level)} would be."
    )
    if not runs:
        return f"{head} None of them form a stretch that stays unlike."
    told = [
        f"{time_stamp(run.start)} to {time_stamp(run.end)} "
        f"({run.frames} {'frame' if run.frames == 1 else 'frames'}, smallest p {number(run.smallest_p, 2)})"
        for run in runs
    ]
    return f"{head} {'A stretch stays' if len(runs) == 1 else f'{len(runs)} stretches stay'} unlike: {listed(told)}."
