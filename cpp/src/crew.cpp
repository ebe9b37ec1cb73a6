// SPDX-License-Identifier: Apache-2.0
#include "wattkeel/crew.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <system_error>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace wattkeel {

namespace {

// A tick of a large site takes tens of microseconds. Spinning longer than a few of them only keeps
// a thread that shares the core from working; where every member has a core, yielding at once costs
// nothing.
constexpr int spins_before_yield = 200;
constexpr int spins_before_sleep = 80000;
constexpr std::int64_t scratch_rows = 12;
constexpr std::int64_t line =
    16;  // doubles in 128 bytes: two cache lines, as prefetchers fetch pairs

void pause_briefly(int spins) {
    if (spins >= spins_before_yield) {
        std::this_thread::yield();
        return;
    }
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#endif
}

std::int64_t padded(std::int64_t count) { return (count + line - 1) / line * line; }

}  // namespace

Crew::Crew(int threads) : threads_(std::max(threads, 1)) {
    members_.resize(static_cast<std::size_t>(threads_));
    team_ = {members_.data(), threads_, this,
             [](void* crew, void (*job)(void*, int), void* context) {
                 static_cast<Crew*>(crew)->run(job, context);
             }};
    try {
        for (int index = 1; index < threads_; ++index) {
            workers_.emplace_back([this, index] { work(index); });
        }
    } catch (const std::system_error& error) {
        dismiss();
        throw std::runtime_error("the system gives no more than " +
                                 std::to_string(workers_.size() + 1) + " threads: " + error.what());
    }
}

Crew::~Crew() { dismiss(); }

void Crew::dismiss() {
    stop_.store(true, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

void Crew::assign(const SiteView& view) {
    tiles_.clear();
    std::int64_t lanes = 0;
    for (std::int64_t r = 0; r < view.rack.size; ++r) {
        const std::int64_t end = view.rack[r].first_lane + view.rack[r].lane_count;
        for (std::int64_t first = view.rack[r].first_lane; first < end; first += tile_lanes) {
            tiles_.push_back({r, first, std::min(tile_lanes, end - first)});
            lanes += tiles_.back().lanes;
        }
    }
    const std::int64_t sums = padded(view.rack.size * rack_signals);
    const std::int64_t scratch = padded(scratch_rows * tile_lanes);
    const auto size = static_cast<std::size_t>((sums + scratch) * threads_ + line);
    buffer_ = std::make_unique<double[]>(size);
    auto address = reinterpret_cast<std::uintptr_t>(buffer_.get());
    double* next = reinterpret_cast<double*>((address + 127) / 128 * 128);
    std::size_t tile = 0;
    std::int64_t done = 0;
    for (int index = 0; index < threads_; ++index) {
        Member& member = members_[static_cast<std::size_t>(index)];
        const std::size_t begin = tile;
        const std::int64_t goal = lanes * (index + 1) / threads_;
        while (tile < tiles_.size() && (done < goal || index + 1 == threads_))
            done += tiles_[tile++].lanes;
        member = {tiles_.data() + begin, static_cast<std::int64_t>(tile - begin), next,
                  next + sums};
        next += sums + scratch;
    }
}

void Crew::run(void (*job)(void*, int), void* context) {
    job_ = job;
    context_ = context;
    busy_.store(threads_ - 1, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    job(context, 0);
    for (int spins = 0; busy_.load(std::memory_order_acquire) != 0; ++spins) pause_briefly(spins);
}

void Crew::work(int index) {
    std::uint64_t seen = 0;
    for (;;) {
        int spins = 0;
        while (round_.load(std::memory_order_acquire) == seen) {
            // Between two calls of advance() there is no work for long: sleep instead of spinning.
            if (spins > spins_before_sleep) {
                round_.wait(seen, std::memory_order_acquire);
            } else {
                pause_briefly(spins++);
            }
        }
        ++seen;
        if (stop_.load(std::memory_order_relaxed)) return;
        job_(context_, index);
        busy_.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace wattkeel
