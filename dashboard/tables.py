"""Tables as CSV for a spreadsheet, which takes no formula from a hostile name. Knows no Streamlit."""

import csv
import io
from typing import Any

from dashboard.charts.frame import Table
from nero_core import BenchmarkResult

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of a formula (OWASP)


def csv_text(table: Table) -> str:
    """The table with a header line. Text that a spreadsheet would compute gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_safe(name) for name in table)
    writer.writerows([_safe(cell) for cell in row] for row in zip(*table.values(), strict=True))
    return out.getvalue()


def result_table(result: BenchmarkResult) -> Table:
    """Every figure of a benchmark: a row a method and set of OOD images, pooled first; shares in [0, 1]."""
    table: Table = {name: [] for name in ("rank", "method", "family", "ood", "id_images", "ood_images")}
    figures = (
        [f"{name}{end}" for name, _ in result.methods[0].pooled.items() for end in ("", "_low", "_high")]
        if (result.methods)
        else []
    )
    table |= {name: [] for name in (*figures, "fit_seconds", "seconds_per_image")}
    for method in result.methods:
        sets = [("all", result.ood_size, method.pooled)]
        sets += [(name, result.ood_classes[name], class_figures) for name, class_figures in method.per_class.items()]
        for name, size, set_figures in sets:
            row: dict[str, Any] = {"rank": method.rank, "method": method.method, "family": method.family, "ood": name}
            row |= {"id_images": result.id_size, "ood_images": size}
            for figure, value in set_figures.items():
                row |= {figure: value.value, f"{figure}_low": value.low, f"{figure}_high": value.high}
            row |= {"fit_seconds": method.fit_seconds, "seconds_per_image": method.seconds_per_image}
            for column, cell in row.items():
                table[column].append(cell)
    return table


def _safe(cell: Any) -> Any:  # noqa: ANN401 (numbers and text)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
