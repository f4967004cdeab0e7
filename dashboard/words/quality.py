"""What is said of a bundle over time."""

from nero_core.figures import number, percent
from nero_core.worklist import Quality, Week

MEANING = (
    "p is uniform while the images are like the calibration images: a quarter of them below 0.25, half below 0.5. The "
    "test of a week (Kolmogorov–Smirnov, against the calibration images whose p is uniform) says how likely such a "
    "week, or a stranger one, is while nothing has moved; a week has moved where that is at most 5 % with all weeks "
    "taken together (Benjamini–Hochberg)."
)
CAUTION = (
    "A worklist is seldom a random sample: a week of chosen images moves without the world. The test takes images as "
    "independent; near-duplicates count once, but images of one patient are not told apart. Look at the images of a "
    "week before you believe its test."
)


def standing(found: Quality) -> str:
    """``120 images scored, 7 of them unlike (5.8 %). 30 reviewed, 4 overridden (13 %); 2 wait for a second look.``"""
    text = f"{found.scored} images scored, {found.unlike} of them unlike ({percent(found.unlike / found.scored)}). "
    if not found.reviewed:
        text += "None is reviewed"
    else:
        text += f"{found.reviewed} reviewed, {found.overridden} overridden ({percent(found.override_rate or 0.0)})"
    return f"{text}; {found.second_look} wait for a second look."


def drift(found: Quality) -> str:
    """Whether the world has moved, and when."""
    tested = [week for week in found.weeks if week.ks_p_value is not None]
    moved = [week for week in tested if week.has_moved]
    few = len(found.weeks) - len(tested)
    left_out = f" {few} of {len(found.weeks)} weeks have too few images for a test." if few else ""
    if not tested:
        return f"No week has images enough for a test.{left_out}"
    if not moved:
        return f"No week of {len(tested)} has moved.{left_out}"
    first, last = moved[0], moved[-1]
    when = f"the week from {first.monday}" if len(moved) == 1 else f"{len(moved)} weeks, first that from {first.monday}"
    way = (
        "Its images are more unlike the calibration images than these are among themselves"
        if last.median_p < 0.5
        else "Its p-values lie too high or too close together: images that are easier or alike do that"
    )
    return f"Moved: {when}. {way} (median p {number(last.median_p, 2)} in the week from {last.monday}).{left_out}"


def week(found: Week) -> str:
    """What a point of the chart says, in lines."""
    low, high = (number(found.quantiles[place], 2) for place in (1, 3))
    lines = [
        f"week from {found.monday}: {found.scored} images, {found.different} of them different",
        f"median p {number(found.median_p, 2)}, middle half {low} to {high}",
    ]
    if found.ks_p_value is None or found.adjusted_p is None:
        lines.append("too few different images for a test")
    else:
        lines.append(
            f"Kolmogorov–Smirnov p {number(found.ks_p_value, 2)}, adjusted for all weeks {number(found.adjusted_p, 2)}"
        )
    return "<br>".join(lines)
