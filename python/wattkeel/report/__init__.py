"""The report of a run: one HTML file that opens without a network."""

from __future__ import annotations

from wattkeel.report.page import render, write_report
from wattkeel.report.summary import summary_html

__all__ = ["render", "summary_html", "write_report"]
