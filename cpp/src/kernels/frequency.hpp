// SPDX-License-Identifier: Apache-2.0
// Frequency side of stage `grid`: model, RoCoF over a window, load shedding. Specification:
// prototype/frequency.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index model_states = 8;  // width of the rows of step_matrix
enum ShedState : Index { shed_armed, shed_trips, shed_tripped };

static inline void frequency_step(const GridParams& p, GridState& s, double power_w) {
    const double load = (power_w - s.reference_w) * p.per_system - s.shed_pu;
    double x[model_states];
    for (Index j = 0; j < model_states; ++j) x[j] = s.model_state[j];
    double near = 0.0;
    double far = 0.0;
    for (Index i = 0; i < p.states; ++i) {
        const double* const row = p.step_matrix + model_states * i;
        double value = row[0] * x[0] + row[1] * x[1];
        if (p.states > 2) {
            value += row[2] * x[2] + row[3] * x[3];
            value += (row[4] * x[4] + row[5] * x[5]) + (row[6] * x[6] + row[7] * x[7]);
        }
        value = snap(value + p.step_input[i] * load, p.state_magic[i]);
        s.model_state[i] = value;
        near += p.output_matrix[i] * value;
        far += p.output_matrix[model_states + i] * value;
    }
    s.frequency_pu = near;
    s.remote_frequency_pu = far;
}

static inline void frequency_window(const GridParams& p, GridState& s, double* ring) {
    const double deviation = s.frequency_hz - p.nominal_frequency_hz;
    const Index at = s.window_head;
    s.rocof_window_hz_per_s = (deviation - ring[at]) * p.per_window_s;
    ring[at] = deviation;
    s.window_head = at + 1 < p.window_tick ? at + 1 : 0;
}

static inline Index load_shedding(const GridParams& p, GridState& s, const SheddingStage* stage,
                                  SheddingState* stage_state) {
    Index trips = 0;
    for (Index j = 0; j < p.shedding_stages; ++j) {
        const SheddingStage& q = stage[j];
        SheddingState& w = stage_state[j];
        if (w.tripped != shed_armed) {
            w.tripped = shed_tripped;
        } else if (q.direction * (q.threshold_hz - s.frequency_hz) <= 0.0) {
            w.waited_tick = 0;
        } else if (w.waited_tick < q.delay_tick) {
            ++w.waited_tick;
        } else {
            w.tripped = shed_trips;
            ++trips;
        }
    }
    if (trips > 0) {
        double shed = 0.0;
        double share = 0.0;
        for (Index j = 0; j < p.shedding_stages; ++j) {
            if (stage_state[j].tripped != shed_armed) {
                shed += stage[j].shed_pu;
                share += stage[j].site_share;
            }
        }
        s.shed_pu = shed;
        s.shed_share = share < 1.0 ? share : 1.0;
    }
    return trips;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
