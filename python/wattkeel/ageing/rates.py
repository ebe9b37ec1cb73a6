"""Rates of the published ageing models, as functions of the stress; vectorised, SI units.

Every function gives k of y = k x^p (or of the law that `published` states). Equations and coefficients are
those of the sources named in `published`; they were written anew from them.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Gas constant as the sources of the Naumann set use it (simses 2.1.1).
GAS_J_PER_MOL_K = 8.3144598
REFERENCE_K = 298.15


def anode_potential_v(soc: Floats) -> Floats:
    """Potential of a graphite anode against lithium over the cell's SoC, V.

    Safari & Delacourt, J. Electrochem. Soc. 158 (2011) A562, doi:10.1149/1.3567007; lithiation
    0.0085 to 0.78 over the SoC range, as BLAST-Lite 1.1.1 uses it for all graphite cells.
    """
    x = 0.0085 + soc * (0.78 - 0.0085)
    return (
        0.6379
        + 0.5416 * np.exp(-305.5309 * x)
        + 0.044 * np.tanh(-(x - 0.1958) / 0.1088)
        - 0.1978 * np.tanh((x - 1.0571) / 0.0854)
        - 0.6875 * np.tanh((x + 0.0117) / 0.0529)
        - 0.0175 * np.tanh((x - 0.5692) / 0.0875)
    )


def arrhenius(factor: float, energy_j_per_mol: float, temperature_k: Floats) -> Floats:
    """``factor`` at 298.15 K, scaled with an activation energy."""
    power = -energy_j_per_mol / GAS_J_PER_MOL_K * (1.0 / temperature_k - 1.0 / REFERENCE_K)
    return factor * np.exp(power)


# Naumann: Sony US26650FTC1, calendar doi:10.1016/j.est.2018.01.019, cycle doi:10.1016/j.jpowsour.2019.227666,
# coefficients as in simses 2.1.1.
def naumann_calendar_loss(soc: Floats, temperature_k: Floats) -> Floats:
    """Per square root of a second."""
    return arrhenius(1.2571e-5, 17126.0, temperature_k) * (2.8575 * (soc - 0.5) ** 3 + 0.60225)


def naumann_calendar_resistance(soc: Floats, temperature_k: Floats) -> Floats:
    """Per second; the SoC enters squared, as in simses (BLAST-Lite has a cube with the same numbers)."""
    return arrhenius(3.4194e-10, 71827.0, temperature_k) * (-3.3903 * (soc - 0.5) ** 2 + 1.5604)


def naumann_cycle_loss(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per square root of an equivalent full cycle."""
    return 0.01 * (0.0630 * c_rate + 0.0971) * (4.0253 * (depth - 0.6) ** 3 + 1.0923)


def naumann_cycle_resistance(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per equivalent full cycle; the source's line falls below zero beyond 1.05C."""
    return 0.01 * (-0.0020 * c_rate + 0.0021) * (6.8477 * (depth - 0.5) ** 3 + 0.9182)


# BLAST-Lite, 250 Ah LFP prismatic: data doi:10.1016/j.est.2023.109042.
def prismatic_calendar_loss(soc: Floats, temperature_k: Floats) -> Floats:
    """Per day^0.526."""
    return 8.37e4 * np.exp(-5210.0 / temperature_k) * np.exp(-3560.0 * anode_potential_v(soc) / temperature_k)


def prismatic_cycle_loss(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per cycle^0.828."""
    heat: Floats = np.exp(2190.0 / temperature_k) + np.exp(-1.55e5 / temperature_k)
    return (4.38e-8 + 1.55e-8 * depth + 1.68e-7 * c_rate) * heat


# BLAST-Lite, Sony 3 Ah LFP: data as Naumann's, model identification doi:10.1149/1945-7111/ac86a8.
def sony_calendar_extent(soc: Floats, temperature_k: Floats) -> Floats:
    """Largest calendar loss of the sigmoid."""
    t, root = temperature_k, np.sqrt(anode_potential_v(soc))
    return 0.98968715129359 * np.exp((-2881067.56019324 / t**2 + 8742.06309157261 / t) * root)


def sony_calendar_shape(soc: Floats, temperature_k: Floats) -> Floats:
    """Exponent of time in the sigmoid."""
    t, potential = temperature_k, anode_potential_v(soc)
    cubic, quartic = np.cbrt(potential), potential**0.25
    power = (734553185711.369 / t**4 - 3284991315.45121 / t**3) * cubic
    return 0.000332850281062177 * np.exp(
        power + (-2.8216157562078e-06 * t**3 + 0.0012722759365729 * t**2) * quartic
    )


def sony_cycle_loss(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per cycle; the loss is (k x)^1.128."""
    growth = 2.11559710307295e-06 * np.exp(depth**2 * c_rate**3)
    return np.abs(-6.81260579372875e-06 + 2.59615973160844e-05 * depth + growth)


# BLAST-Lite, NMC/graphite 50 Ah B1 and 75 Ah A: data doi:10.1016/j.est.2023.109042.
def _warmth(temperature_k: Floats) -> Floats:
    return temperature_k / 308.15


def _potential(soc: Floats) -> Floats:
    return anode_potential_v(soc) / 0.123


def nmc_b1_calendar_loss(soc: Floats, temperature_k: Floats) -> Floats:
    """Per (10,000 days)^0.708."""
    return 36.2 * np.exp(-4.4 / _warmth(temperature_k) ** 3 * np.cbrt(_potential(soc)))


def nmc_b1_cycle_loss(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per (100,000 cycles)^0.467."""
    return 0.844 * (depth**2 * _warmth(temperature_k) ** 3 * np.sqrt(c_rate)) ** 0.458


def nmc_a_calendar_loss(soc: Floats, temperature_k: Floats) -> Floats:
    """Per (1000 days)^0.578."""
    return 8.71e-7 * np.exp(10.0 * _warmth(temperature_k) ** 3 / np.cbrt(_potential(soc)))


def nmc_a_cycle_loss(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per (10,000 cycles)^1.11."""
    t = _warmth(temperature_k)
    root = np.sqrt(depth)
    return np.abs(
        0.0267
        + 1.64 * t**3 * root
        + 0.011 * np.exp(c_rate**2 / np.sqrt(t))
        - 0.44 * np.exp(root * t**2 * np.sqrt(c_rate))
    )


# BLAST-Lite, Panasonic NCA 3.2 Ah: data doi:10.1149/2.0411609jes, doi:10.1149/1945-7111/abae37.
def nca_calendar_loss(soc: Floats, temperature_k: Floats) -> Floats:
    """Per day^0.512."""
    return 75.4 * np.exp(-3340.0 / temperature_k) * np.exp(353.0 * soc / temperature_k)


def nca_cycle_loss(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per cycle^0.699."""
    heat: Floats = np.exp(3.34e-11 / temperature_k) + np.exp(-2.81e-9 / temperature_k)
    return (1.86e-6 + 4.74e-11 * c_rate + 0.000177 * depth) * heat


# BLAST-Lite, LG MJ1 NMC811 3.5 Ah: data EVERLASTING D2.3 (2020).
def mj1_calendar_loss(soc: Floats, temperature_k: Floats) -> Floats:
    """Per day^0.743."""
    return 0.0353 * np.exp(-1030.0 / temperature_k) * np.exp(57.7 * soc / temperature_k)


def mj1_cycle_loss(depth: Floats, c_rate: Floats, temperature_k: Floats) -> Floats:
    """Per cycle^0.695."""
    heat: Floats = np.exp(2250.0 / temperature_k) + np.exp(-11400.0 / temperature_k)
    return (1.77e-7 + 8.08e-13 * c_rate + 2.21e-7 * depth) * heat


# Schmalstieg et al. 2014, Sanyo UR18650E, doi:10.1016/j.jpowsour.2014.02.012, as in BLAST-Lite. The voltages
# below are its table (0 and 10 % from Ecker et al. 2014, the rest read from a figure of the paper).
_SANYO_SOC = np.concatenate(
    ([0.0, 0.008637153], 0.026779514 + 0.018142361 * np.arange(54), [0.998220486, 1.0])
)
_SANYO_V = np.array(
    """3.331 3.345014187 3.37917149 3.411603677 3.440585632 3.466289865 3.490268982 3.511315401 3.529946658
    3.547197821 3.561688798 3.574972194 3.586357962 3.597053683 3.605506753 3.613442288 3.620342753
    3.626380661 3.632073544 3.63690387 3.642079219 3.646909545 3.652084894 3.657605266 3.663470662
    3.670198615 3.677444104 3.686759732 3.696420384 3.708323686 3.720572012 3.734372943 3.749553967
    3.765252525 3.781123596 3.797857224 3.814590852 3.832532062 3.849783226 3.866861877 3.884458064
    3.900846669 3.917752809 3.934831461 3.953462717 3.971921462 3.991415276 4.011771649 4.03195551
    4.05196686 4.070770628 4.087849279 4.104237884 4.120108955 4.135980025 4.152541142 4.160649189
    4.162""".split(),
    dtype=np.float64,
)


def sanyo_voltage_v(soc: Floats) -> Floats:
    """Open-circuit voltage of the Sanyo cell, linear between the points of its table."""
    return np.interp(soc, _SANYO_SOC, _SANYO_V)


@functools.cache
def _sanyo_square_integral() -> tuple[Floats, Floats]:
    """Integral of the squared voltage over the SoC at the points of the table, continued beyond 0 and 1.

    The continuation is straight; no duty reaches it, but interpolation near the corners of the grid does.
    """
    soc = np.concatenate(([-0.6], _SANYO_SOC, [1.6]))
    low = _SANYO_V[0] - 0.6 * (_SANYO_V[3] - _SANYO_V[0]) / (_SANYO_SOC[3] - _SANYO_SOC[0])
    high = _SANYO_V[-1] + 0.6 * (_SANYO_V[-1] - _SANYO_V[-8]) / (_SANYO_SOC[-1] - _SANYO_SOC[-8])
    volt = np.concatenate(([low], _SANYO_V, [high]))
    piece = np.diff(soc) * (volt[:-1] ** 2 + volt[:-1] * volt[1:] + volt[1:] ** 2) / 3.0
    return np.stack((soc, volt)), np.concatenate(([0.0], np.cumsum(piece)))


def _sanyo_integral(soc: Floats) -> Floats:
    (at, volt), total = _sanyo_square_integral()
    i = np.clip(np.searchsorted(at, soc, side="right") - 1, 0, len(at) - 2)
    step = soc - at[i]
    slope = (volt[i + 1] - volt[i]) / (at[i + 1] - at[i])
    end = volt[i] + slope * step
    return np.asarray(total[i] + step * (volt[i] ** 2 + volt[i] * end + end**2) / 3.0)


def _sanyo_rms_v(depth: Floats, mean_soc: Floats) -> Floats:
    """Root of the mean squared voltage over an even swing."""
    half = np.maximum(0.5 * depth, 5e-4)  # a swing of nothing: the voltage itself
    return np.sqrt((_sanyo_integral(mean_soc + half) - _sanyo_integral(mean_soc - half)) / (2.0 * half))


def sanyo_calendar_loss(soc: Floats, temperature_k: Floats) -> Floats:
    """Per day^0.75."""
    return np.asarray((7.543 * sanyo_voltage_v(soc) - 23.75) * 1e6 * np.exp(-6976.0 / temperature_k))


def sanyo_calendar_resistance(soc: Floats, temperature_k: Floats) -> Floats:
    """Per day^0.75."""
    return np.asarray((5.270 * sanyo_voltage_v(soc) - 16.32) * 1e5 * np.exp(-5986.0 / temperature_k))


def sanyo_cycle_loss(depth: Floats, mean_soc: Floats) -> Floats:
    """Per square root of an Ah of throughput."""
    return 7.348e-3 * (_sanyo_rms_v(depth, mean_soc) - 3.667) ** 2 + 7.6e-4 + 4.081e-3 * depth


def sanyo_cycle_resistance(depth: Floats, mean_soc: Floats) -> Floats:
    """Per Ah of throughput; the fit falls below zero for swings of less than about 5 %."""
    return 2.153e-4 * (_sanyo_rms_v(depth, mean_soc) - 3.725) ** 2 - 1.521e-5 + 2.798e-4 * depth
