"""A small picture of a run for notebooks: a table and a line, without scripts."""

from __future__ import annotations

from wattkeel.report.interface import ResultLike
from wattkeel.report.markup import duration, quantity, span, text
from wattkeel.report.outcome import VARIATION_S, found_troubles, not_recorded, power_figures
from wattkeel.report.series import Reader
from wattkeel.report.still import sparkline

#: Points of the line.
POINTS = 200


def summary_html(result: ResultLike) -> str:
    """Give a run as a fragment of HTML, fit for ``_repr_html_``.

    Parameters
    ----------
    result : ResultLike
        The run.

    Returns
    -------
    str
        A table with powers, energy, verdicts, and the course of the grid import as inline SVG.
    """
    title = str(getattr(result.scenario.model, "title", "") or "wattkeel run")
    state = "" if result.complete else " (incomplete)"
    rows = [("Recorded", duration(result.ticks * result.tick_s) + state)]
    rows += [(trouble.name, trouble.amount) for trouble in found_troubles(result)]
    for label, name in (("Site load", "site.load_power_w"), ("Grid import", "poi.power_w")):
        figures = power_figures(result, name)
        if figures is not None:
            shown = span(figures.minimum_w, figures.maximum_w, "W")
            change = quantity(figures.variation_w, "W", digits=3)
            rows.append(
                (label, f"{shown}, mean {quantity(figures.mean_w, 'W')}, {change} in {VARIATION_S:g} s")
            )
    through_j = result.ledger.through_j
    rows.append(("Energy", quantity(through_j, "J") if result.ledger.recorded else "not recorded"))
    verdicts = [finding.verdict for finding in result.findings]
    counted = (
        f"{verdicts.count(verdict)} {verdict.replace('_', ' ')}" for verdict in dict.fromkeys(verdicts)
    )
    rules = "not recorded" if not_recorded(result, "findings.json") else "none checked"
    rows.append(("Rules", ", ".join(counted) or rules))
    lost = not_recorded(result, "events.json")
    rows.append(("Events", "not recorded" if lost else str(sum(result.event_counts.values()))))
    cells = "".join(
        f'<tr><th style="text-align:left">{text(label)}</th><td '
        f'style="text-align:left">{text(value)}</td></tr>'
        for label, value in rows
    )
    poi, line = Reader(result, "poi.power_w"), ""
    if poi:
        line = sparkline(poi.about(POINTS))
    return f"<div><strong>{text(title)}</strong><table><tbody>{cells}</tbody></table>{line}</div>"
