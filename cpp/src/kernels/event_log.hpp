// SPDX-License-Identifier: Apache-2.0
// Events of a tick, and places in the vectors that it fills. Specification: prototype/event_log.py,
// prototype/layout.py.
#pragma once

#include "numeric.hpp"
#include "wattkeel/site.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index tick_place = 0;
inline constexpr Index bucket_fill_place = 1;
enum TallyPlace : Index { tally_rows, tally_buckets, tally_events, tally_events_lost };

static inline void log_event(const ChunkView& k, Index tick, Index kind, Index place, Index phase,
                             double value, double limit) {
    const Index at = k.tally[tally_events];
    if (at >= k.event_value.size / 2) {
        ++k.tally[tally_events_lost];
        return;
    }
    Index* index = k.event_index.data + 4 * at;
    index[0] = tick;
    index[1] = kind;
    index[2] = place;
    index[3] = phase;
    k.event_value[2 * at] = value;
    k.event_value[2 * at + 1] = limit;
    k.tally[tally_events] = at + 1;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
