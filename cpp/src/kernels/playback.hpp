// SPDX-License-Identifier: Apache-2.0
// Stage `grid`: playback of a measured record. Specification and sources: prototype/playback.py.
#pragma once

#include "workload.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline Index playback_step(const PlaybackParams& p, GridState& s, const double* time,
                                  const double* value, double* level, Index tick) {
    if (p.trace_rows == 0 || tick < p.start_tick) return 0;
    const TracePlace place = trace_mean(
        static_cast<double>(tick - p.start_tick) + p.trace_offset_tick, time + p.trace_first,
        value + p.trace_value_first, p.trace_rows, 2, p.trace_length_tick, p.trace_linear,
        p.trace_repeat_core, s.playback_cursor, 0, level);
    s.playback_cursor = place.cursor;
    s.playback_voltage_pu = level[0];
    s.playback_frequency_hz = level[1];
    return tick == p.start_tick ? 1 : (tick == p.stop_tick ? -1 : 0);
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
