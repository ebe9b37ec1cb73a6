from __future__ import annotations

from datetime import date

import pytest

from wattkeel.compliance.profile import EVIDENCE, STATUSES
from wattkeel.standing import STANDING, age, standing

DAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("dated", "old"),
    [
        ("2026-11-26", "0 days old"),
        ("2026-11-20", "6 days old"),
        ("2026-09-03", "2 months old"),
        ("2026-06-19", "5 months old"),
        ("2025-11-26", "12 months old"),
        ("2025-01", "22 months old"),
        ("2024-11-27", "23 months old"),
        ("2024-11-26", "2 years old"),
        ("2018-04-06", "8 years old"),
        ("2018", "8 years old, by the year alone"),
        ("2025 (day not seen)", "1 year old, by the year alone"),
        ("2026", "of this year"),
        ("2027-01-01", "of a later date"),
        ("2026-13-01", ""),
        ("", ""),
        ("soon", ""),
    ],
)
def test_age_of_a_document(dated: str, old: str) -> None:
    assert age(dated, DAY) == old


def test_every_word_of_a_profile_has_a_meaning() -> None:
    assert set(STATUSES) == set(STANDING)
    assert all(mark and meaning for mark, meaning in STANDING.values())
    assert all(EVIDENCE.values())
    assert standing("draft") == "draft"
    assert standing("half_known") == "half known"
