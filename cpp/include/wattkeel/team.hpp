// SPDX-License-Identifier: Apache-2.0
// How the lanes of a tick are shared out among threads, as plain data: kernel units see no class of
// the standard library (see src/kernels/numeric.hpp).
#pragma once

#include <cstdint>

namespace wattkeel {

// A run of lanes of one population.
struct Tile {
    std::int64_t rack;
    std::int64_t first;
    std::int64_t lanes;
};

// One thread's share: its tiles, its sums, its buffers. Threads never write to the same cache line.
struct alignas(128) Member {
    const Tile* tile = nullptr;
    std::int64_t tiles = 0;
    double* sum = nullptr;      // rack populations x rack_signals
    double* scratch = nullptr;  // 12 x tile_lanes
};

struct Team {
    const Member* member = nullptr;
    int threads = 1;
    void* crew = nullptr;
    // Runs job(context, index) for every member and returns when all are done.
    void (*run)(void* crew, void (*job)(void* context, int index), void* context) = nullptr;
};

}  // namespace wattkeel
