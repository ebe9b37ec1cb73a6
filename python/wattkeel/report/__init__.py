"""The report of a run: one HTML file that opens without a network."""

from __future__ import annotations

from wattkeel.report.compliance_page import compliance_page, render_compliance
from wattkeel.report.matrix import KINDS, kind_of
from wattkeel.report.page import render, write_report
from wattkeel.report.summary import summary_html

__all__ = [
    "KINDS",
    "compliance_page",
    "kind_of",
    "render",
    "render_compliance",
    "summary_html",
    "write_report",
]
