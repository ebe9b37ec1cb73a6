"""Presets: data files with a source and a licence on every number (see ``catalogue``)."""

from __future__ import annotations
