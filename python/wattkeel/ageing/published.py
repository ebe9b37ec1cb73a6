"""The published sets: equations and coefficients are facts of the sources named."""

from __future__ import annotations

from wattkeel.ageing import rates
from wattkeel.ageing.laws import Law, MeanSigmoid, PowerLaw, Rate
from wattkeel.ageing.modelling import Model, Validity

_DAY_S = 86400.0
_BSD = "BSD-3-Clause"
_BLAST = "BLAST-Lite 1.1.1 (NREL, bae8c719)"
_RANGE = "experimental_range of BLAST-Lite 1.1.1"
_CALENDAR, _CYCLE = "calendar capacity", "cycle capacity"
_CALENDAR_R, _CYCLE_R = "calendar resistance", "cycle resistance"


def _celsius(low: float, high: float) -> tuple[float, float]:
    return low + 273.15, high + 273.15


def _pair(calendar: tuple[float, float, Rate], cycle: tuple[float, float, Rate]) -> tuple[Law, ...]:
    """Two power laws of capacity: (exponent, unit, rate) of calendar and cycle."""
    return (
        PowerLaw(_CALENDAR, "capacity", "calendar", *calendar),
        PowerLaw(_CYCLE, "capacity", "cycle", *cycle),
    )


def _naumann() -> Model:
    return Model(
        name="naumann-lfp",
        cell="Sony/Murata US26650FTC1, LFP/graphite",
        capacity_ah=3.0,
        source=(
            "Naumann et al. 2018, doi:10.1016/j.est.2018.01.019 (calendar), and 2020, "
            "doi:10.1016/j.jpowsour.2019.227666 (cycle), coefficients as in simses 2.1.1"
        ),
        licence=_BSD,
        valid=Validity(
            _celsius(0.0, 60.0), (0.0, 1.0), (0.0, 1.0), 1.0,
            "0-60 °C and up to 1C: recalled, the papers were not opened; the resistance line ends at 1.05C",
        ),
        laws=(
            *_pair((0.5, 1.0, rates.naumann_calendar_loss), (0.5, 1.0, rates.naumann_cycle_loss)),
            PowerLaw(_CALENDAR_R, "resistance", "calendar", 1.0, 1.0, rates.naumann_calendar_resistance),
            PowerLaw(_CYCLE_R, "resistance", "cycle", 1.0, 1.0, rates.naumann_cycle_resistance),
        ),
        notes="The cycle part does not depend on temperature. Resistance per cycle falls beyond 1.05C.",
    )  # fmt: skip


def _prismatic() -> Model:
    return Model(
        name="lfp-250ah",
        cell="LFP/graphite prismatic, 250 Ah and more",
        capacity_ah=250.0,
        source=f"{_BLAST} Lfp_Gr_250AhPrismatic; data doi:10.1016/j.est.2023.109042",
        licence=_BSD,
        valid=Validity(_celsius(10.0, 45.0), (0.0, 1.0), (0.8, 1.0), 1.0, f"{_RANGE}; charge up to 0.65C"),
        laws=_pair((0.526, _DAY_S, rates.prismatic_calendar_loss), (0.828, 1.0, rates.prismatic_cycle_loss)),
        notes="Loss per cycle falls with temperature by construction: do not extrapolate. No resistance.",
    )


def _sony_cycle(depth: rates.Floats, c_rate: rates.Floats, temperature_k: rates.Floats) -> rates.Floats:
    """(k x)^p as k' x^p."""
    return rates.sony_cycle_loss(depth, c_rate, temperature_k) ** 1.12847759334355


def _sony() -> Model:
    return Model(
        name="lfp-sony-blast",
        cell="Sony/Murata US26650FTC1, LFP/graphite",
        capacity_ah=3.0,
        source=(
            f"{_BLAST} Lfp_Gr_SonyMurata3Ah; identification doi:10.1149/1945-7111/ac86a8; "
            "data as naumann-lfp; resistance of Naumann"
        ),
        licence=_BSD,
        valid=Validity(_celsius(20.0, 40.0), (0.0, 1.0), (0.8, 1.0), 1.0, f"{_RANGE}; discharge up to 2C"),
        laws=(
            MeanSigmoid(
                _CALENDAR, "capacity", "calendar", 0.000130510034211874 / _DAY_S,
                rates.sony_calendar_extent, rates.sony_calendar_shape,
            ),
            PowerLaw(_CYCLE, "capacity", "cycle", 1.12847759334355, 1.0, _sony_cycle),
            PowerLaw(_CALENDAR_R, "resistance", "calendar", 1.0, 1.0, rates.naumann_calendar_resistance),
            PowerLaw(_CYCLE_R, "resistance", "cycle", 1.0, 1.0, rates.naumann_cycle_resistance),
        ),
        notes=(
            "Without the break-in part, which the source evaluates above 3 full cycles a day. Resistance "
            "with the square of Naumann; the source has a cube of the same numbers, which differs from it "
            "away from 50 %."
        ),
    )  # fmt: skip


def _nmc_b1() -> Model:
    return Model(
        name="nmc-50ah-b1",
        cell="NMC/graphite, 50 Ah, maker B",
        capacity_ah=50.0,
        source=f"{_BLAST} NMC_Gr_50Ah_B1; data doi:10.1016/j.est.2023.109042",
        licence=_BSD,
        valid=Validity(_celsius(10.0, 45.0), (0.0, 1.0), (0.8, 1.0), 1.75, _RANGE),
        laws=_pair((0.708, 1e4 * _DAY_S, rates.nmc_b1_calendar_loss), (0.467, 1e5, rates.nmc_b1_cycle_loss)),
    )


def _nmc_a() -> Model:
    return Model(
        name="nmc-75ah-a",
        cell="NMC/graphite, 75 Ah, maker A",
        capacity_ah=75.0,
        source=f"{_BLAST} NMC_Gr_75Ah_A; data doi:10.1016/j.est.2023.109042",
        licence=_BSD,
        valid=Validity(_celsius(10.0, 45.0), (0.0, 1.0), (0.8, 1.0), 2.0, _RANGE),
        laws=_pair((0.578, 1e3 * _DAY_S, rates.nmc_a_calendar_loss), (1.11, 1e4, rates.nmc_a_cycle_loss)),
    )


def _mj1() -> Model:
    return Model(
        name="nmc811-mj1",
        cell="LG INR18650 MJ1, NMC811/graphite-SiOx, 3.5 Ah",
        capacity_ah=3.5,
        source=f"{_BLAST} Nmc811_GrSi_LGMJ1_4Ah; data EVERLASTING project, report D2.3 (2020)",
        licence=_BSD,
        valid=Validity(_celsius(0.0, 50.0), (0.1, 0.9), (0.2, 0.8), 1.0, f"{_RANGE}; discharge up to 3C"),
        laws=_pair((0.743, _DAY_S, rates.mj1_calendar_loss), (0.695, 1.0, rates.mj1_cycle_loss)),
    )


def _nca() -> Model:
    return Model(
        name="nca-panasonic",
        cell="Panasonic NCR18650, NCA/graphite, 3.2 Ah",
        capacity_ah=3.2,
        source=(
            f"{_BLAST} Nca_Gr_Panasonic3Ah; data doi:10.1149/2.0411609jes (calendar), "
            "doi:10.1149/1945-7111/abae37 (cycle)"
        ),
        licence=_BSD,
        valid=Validity(_celsius(15.0, 35.0), (0.0, 1.0), (0.8, 1.0), 0.5, f"{_RANGE}; discharge up to 2C"),
        laws=_pair((0.512, _DAY_S, rates.nca_calendar_loss), (0.699, 1.0, rates.nca_cycle_loss)),
    )


def _sanyo() -> Model:
    per_cycle_ah = 2.0 * 2.15
    return Model(
        name="nmc111-sanyo",
        cell="Sanyo UR18650E, NMC111/graphite, 2.15 Ah",
        capacity_ah=2.15,
        source=(
            "Schmalstieg et al. 2014, doi:10.1016/j.jpowsour.2014.02.012, as in "
            f"{_BLAST} Nmc111_Gr_Sanyo2Ah; data doi:10.1016/j.jpowsour.2013.09.143"
        ),
        licence=_BSD,
        valid=Validity(_celsius(20.0, 40.0), (0.0, 1.0), (0.0, 1.0), 1.0, _RANGE),
        laws=(
            PowerLaw(_CALENDAR, "capacity", "calendar", 0.75, _DAY_S, rates.sanyo_calendar_loss),
            PowerLaw(_CYCLE, "capacity", "swing", 0.5, 1.0 / per_cycle_ah, rates.sanyo_cycle_loss),
            PowerLaw(_CALENDAR_R, "resistance", "calendar", 0.75, _DAY_S, rates.sanyo_calendar_resistance),
            PowerLaw(_CYCLE_R, "resistance", "swing", 1.0, 1.0 / per_cycle_ah, rates.sanyo_cycle_resistance),
        ),
        notes="The source leaves out the knees that its data show at large depth.",
    )


PUBLISHED = {
    made.name: made
    for made in (
        _naumann(), _prismatic(), _sony(), _nmc_b1(), _nmc_a(), _mj1(), _nca(), _sanyo(),
    )
}  # fmt: skip
