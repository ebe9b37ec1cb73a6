// SPDX-License-Identifier: Apache-2.0
// A small static pool of threads for the lanes of one tick, and its share-out of tiles.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "wattkeel/site.hpp"
#include "wattkeel/team.hpp"

namespace wattkeel {

// Members spin between ticks, because a tick lasts microseconds. The sums of a member are exact
// multiples of the power quantum, so that neither the share-out nor the order of adding them up
// changes a bit.
class Crew {
public:
    // Throws std::runtime_error when the system has no thread left.
    explicit Crew(int threads);
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    int threads() const { return threads_; }

    // Shares the lanes of a site out; to be called when the site changes.
    void assign(const SiteView& view);

    const Team& team() const { return team_; }

private:
    // The caller of run() is member 0.
    void run(void (*job)(void* context, int index), void* context);
    void work(int index);
    void dismiss();

    int threads_;
    Team team_;
    std::vector<Tile> tiles_;
    std::vector<Member> members_;
    std::unique_ptr<double[]> buffer_;
    void (*job_)(void*, int) = nullptr;
    void* context_ = nullptr;
    alignas(128) std::atomic<std::uint64_t> round_{0};
    alignas(128) std::atomic<int> busy_{0};
    alignas(128) std::atomic<bool> stop_{false};
    std::vector<std::thread> workers_;
};

}  // namespace wattkeel
