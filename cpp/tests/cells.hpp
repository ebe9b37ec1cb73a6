// SPDX-License-Identifier: Apache-2.0
// A battery for the unit tests: one string of an open-circuit voltage behind a resistance.
#pragma once

#include <limits>
#include <vector>

#include "wattkeel/flows.hpp"
#include "wattkeel/params.hpp"

struct Cells {
    wattkeel::BatteryParams p{};
    wattkeel::BatteryState s{};
    wattkeel::ContainerParams c{};
    std::vector<double> cell = std::vector<double>(wattkeel::cell_rows);
    std::vector<double> table;  // straight pieces of the OCV, then the slow quantities at two SoCs,
                                // two temperatures

    Cells(const std::vector<double>& ocv_v, double resistance_ohm, double capacity_ah,
          double current_a) {
        const std::size_t pieces = ocv_v.size() - 1;
        for (std::size_t k = 0; k <= pieces; ++k) {
            const std::size_t left = k < pieces ? k : pieces - 1;  // the last one twice
            const double slope = (ocv_v[left + 1] - ocv_v[left]) * static_cast<double>(pieces);
            const double at = static_cast<double>(left) / static_cast<double>(pieces);
            table.insert(table.end(), {ocv_v[left] - slope * at, slope});
        }
        for (int node = 0; node < 4; ++node) {
            const double slow[] = {
                resistance_ohm, resistance_ohm, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0};
            table.insert(table.end(), slow, slow + 9);
        }
        p.soc_max = 1.0;
        p.dt_s = 1e-3;
        p.series = 1.0;
        p.groups = 1;
        p.ocv_intervals = static_cast<double>(ocv_v.size() - 1);
        p.mean_ocv = 0.5;
        p.slow_first = static_cast<std::int64_t>(2 * ocv_v.size());
        p.slow_intervals = 1.0;
        p.slow_warm_intervals = 1.0;
        p.slow_first_k = 298.15;
        p.slow_per_k = 1.0;
        p.table_least_k = -std::numeric_limits<double>::infinity();
        p.table_most_k = std::numeric_limits<double>::infinity();
        p.ohmic_share = 1.0;
        p.charge_share = 1.0;
        p.per_charge_share = 1.0;
        p.reference_k = 298.15;
        p.charge_limit_c = current_a / capacity_ah;
        p.discharge_limit_c = current_a / capacity_ah;
        p.voltage_max_v = 1e9;
        p.refresh_tick = 100;
        p.refresh_per_s = 10.0;
        s.held_tick = -1;
        s.air_k = 298.15;
        at(wattkeel::cell_strings) = 1.0;
        at(wattkeel::cell_per_strings) = 1.0;
        at(wattkeel::cell_capacity_ah) = capacity_ah;
        at(wattkeel::cell_charge_per_tick) = 1e-3 / (3600.0 * capacity_ah);
        at(wattkeel::cell_current_per_soc_a) = 3600.0 * capacity_ah / 1e-3;
        at(wattkeel::cell_resistance_scale) = 1.0;
        at(wattkeel::cell_soc) = 0.5;
        at(wattkeel::cell_temperature_k) = 298.15;
    }

    double& at(std::int64_t row) { return cell[static_cast<std::size_t>(row)]; }
    wattkeel::CellRows rows() { return {cell.data(), 1}; }
};
