"""How the time and the memory of a fit grow with the images, up to a million."""

import math
from collections.abc import Iterator, Sequence

from tests.bench.passes import STREAMED, passes_seconds
from tests.bench.record import Amount, Goal, Row
from tests.bench.setting import Setting

SIZES = {
    "nero": (10**3, 10**4, 10**5, 10**6),
    "nero_plus": (2 * 10**3, 10**4, 10**5),
    STREAMED: (2 * 10**3, 10**4, 10**5),
}
NAMES = {"nero": "NERO", "nero_plus": "NERO+", STREAMED: "all methods that need only sums"}
SETTLED = 10**4  # images: with fewer, what a fit takes once is a good part of its time
FLAT = 50.0  # MB


def growth_rows(setting: Setting) -> Iterator[Row]:
    """Two rows a method: the exponent of time, and by how much the peak of memory grows."""
    for name, sizes in SIZES.items():
        series = tuple((float(images), *passes_seconds(name, images)) for images in sizes)
        (_, shortest, _), (_, longest, highest) = series[0], series[-1]
        most = f"{sizes[-1]:,}"
        yield Row(
            step=f"fit {NAMES[name]} in passes over {most} images of 512 channels; over {sizes[0]:,}; "
            f"the power of n that its time grows by from {SETTLED:,} on",
            this=Amount(value=longest),
            against=Amount(value=shortest),
            ratio=exponent([(images, took) for images, took, _ in series if images >= SETTLED]),
            goal=Goal(is_for="ratio", sign="≤", limit=1.1),
            series=series,
        )
        settled = next(peak for images, _, peak in series if images >= SETTLED)
        yield Row(
            step=f"by how much the peak of memory of that fit grows from {SETTLED:,} to {most} images; "
            "what their features take",
            this=Amount(value=highest - settled, unit="MB"),
            against=Amount(value=sizes[-1] * 512 * 4 / 2**20, unit="MB"),
            goal=Goal(is_for="this", sign="≤", limit=FLAT),
        )


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """p of ``time = c · imagesᵖ``, by least squares of the logarithms."""
    logs = [(math.log(images), math.log(took)) for images, took in points]
    x_mean, y_mean = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    return sum((x - x_mean) * (y - y_mean) for x, y in logs) / sum((x - x_mean) ** 2 for x, _ in logs)
