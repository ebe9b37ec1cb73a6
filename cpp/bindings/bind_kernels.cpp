// SPDX-License-Identifier: Apache-2.0
// Every kernel of every instruction set as a Python function, for tests, benchmarks and
// wattkeel.stages.
#include <tuple>
#include <utility>

#include "arrays.hpp"
#include "bindings.hpp"
#include "wattkeel/kernels.hpp"

namespace wattkeel::bindings {

namespace {

// One argument on its way from Python to C++: numbers by value, structs and arrays by address.
template <class T> struct Argument {
    using Python = T;
    static T pass(T value, const std::string&) { return value; }
};
template <class T> struct Argument<T*> {
    using Python = py::object;
    static T* pass(const py::object& object, const std::string& what) {
        return rows<T>(object, what).data;
    }
};
template <class T> struct Argument<T&> {
    using Python = py::object;
    static T& pass(const py::object& object, const std::string& what) {
        const Rows<T> found = rows<T>(object, what);
        if (found.size != 1) throw py::value_error(what + ": expected one record");
        return found[0];
    }
};

// A counted run of structs.
template <class T> struct Argument<Rows<T>> {
    using Python = py::object;
    static Rows<T> pass(const py::object& object, const std::string& what) {
        return rows<T>(object, what);
    }
};

// The cell matrix: rows by columns.
template <> struct Argument<CellRows> {
    using Python = py::object;
    static CellRows pass(const py::object& object, const std::string& what) {
        const Rows<double> found = rows<double>(object, what);
        const auto array = py::reinterpret_borrow<py::array>(object);
        if (array.ndim() != 2 || array.shape(0) != cell_rows) {
            throw py::value_error(what + ": expected " + std::to_string(cell_rows) + " rows");
        }
        return {found.data, static_cast<std::int64_t>(array.shape(1))};
    }
};

double result(double value) { return value; }
std::int64_t result(std::int64_t value) { return value; }
auto result(const TracePlace& r) { return std::make_tuple(r.cursor, r.turn); }
auto result(const CellFlow& r) {
    return std::make_tuple(r.delivered_w, r.inner_w, r.heat_w, r.limited);
}
auto result(const BatteryFlow& r) {
    return std::make_tuple(r.delivered_w, r.inner_w, r.heat_w, r.stored_w, r.current_a, r.voltage_v,
                           r.end_voltage_v, r.soc, r.limited);
}
auto result(const Commands& r) { return std::make_tuple(r.slow_w, r.fast_w); }
auto result(const BusVoltage& r) {
    return std::make_tuple(r.voltage_pu, r.share, r.power_pu, r.var_pu, r.taken_pu, r.loading_pu);
}
auto result(const BusPhasor& r) { return std::make_tuple(r.voltage_pu, r.cosine, r.sine); }
auto result(const Phasor& r) { return std::make_tuple(r.cosine, r.sine); }
auto result(const TransformerFlow& r) {
    return std::make_tuple(r.power_w, r.reactive_var, r.loss_w, r.voltage_pu, r.share);
}
auto result(const SupportFlow& r) { return std::make_tuple(r.power_w, r.reactive_var, r.change); }
auto result(const PoiFlow& r) {
    return std::make_tuple(r.power_w, r.reactive_var, r.loss_w, r.unserved_w, r.rocof_hz_per_s,
                           r.change);
}

template <class R, class... A, std::size_t... I>
py::cpp_function wrap(R (*kernel)(A...), const std::string& name, std::index_sequence<I...>) {
    return py::cpp_function(
        [kernel, name](typename Argument<A>::Python... argument) {
            const auto where = [&name](std::size_t i) {
                return name + ", argument " + std::to_string(i);
            };
            if constexpr (std::is_void_v<R>) {
                kernel(Argument<A>::pass(argument, where(I))...);
            } else {
                return result(kernel(Argument<A>::pass(argument, where(I))...));
            }
        },
        py::name(name.c_str()));
}

template <class R, class... A> void add(py::dict& functions, const char* name, R (*kernel)(A...)) {
    functions[name] = wrap(kernel, name, std::index_sequence_for<A...>{});
}

py::dict kernel_functions(const std::string& isa) {
    const KernelTable& table = kernels(isa);
    py::dict functions;
#define WATTKEEL_ADD(kernel) add(functions, #kernel, table.kernel)
    WATTKEEL_ADD(lane_sum);
    WATTKEEL_ADD(snapped_sum);
    WATTKEEL_ADD(compensated_add);
    WATTKEEL_ADD(rise_of);
    WATTKEEL_ADD(philox_bell);
    WATTKEEL_ADD(philox_fill);
    WATTKEEL_ADD(job_step);
    WATTKEEL_ADD(workload_offset);
    WATTKEEL_ADD(workload_demand);
    WATTKEEL_ADD(trace_mean);
    WATTKEEL_ADD(trace_demand);
    WATTKEEL_ADD(gpu_power);
    WATTKEEL_ADD(rack_load);
    WATTKEEL_ADD(rack_store);
    WATTKEEL_ADD(rack_psu);
    WATTKEEL_ADD(chain_step);
    WATTKEEL_ADD(perc1_step);
    WATTKEEL_ADD(distribution_step);
    WATTKEEL_ADD(cooling_step);
    WATTKEEL_ADD(converter_capability);
    WATTKEEL_ADD(converter_response);
    WATTKEEL_ADD(converter_settle);
    WATTKEEL_ADD(converter_dc);
    WATTKEEL_ADD(converter_ac);
    WATTKEEL_ADD(battery_warm);
    WATTKEEL_ADD(battery_hold);
    WATTKEEL_ADD(battery_source);
    WATTKEEL_ADD(battery_share);
    WATTKEEL_ADD(battery_apply);
    WATTKEEL_ADD(battery_step);
    WATTKEEL_ADD(supercapacitor_step);
    WATTKEEL_ADD(support_step);
    WATTKEEL_ADD(dwell_add);
    WATTKEEL_ADD(stress_begin);
    WATTKEEL_ADD(stress_add);
    WATTKEEL_ADD(stress_close);
    WATTKEEL_ADD(stress_run);
    WATTKEEL_ADD(measured_load);
    WATTKEEL_ADD(moving_average);
    WATTKEEL_ADD(control_step);
    WATTKEEL_ADD(playback_step);
    WATTKEEL_ADD(grid_events);
    WATTKEEL_ADD(largest_root);
    WATTKEEL_ADD(bus_voltage);
    WATTKEEL_ADD(tap_step);
    WATTKEEL_ADD(capacitor_step);
    WATTKEEL_ADD(turned);
    WATTKEEL_ADD(forming_solve);
    WATTKEEL_ADD(forming_step);
    WATTKEEL_ADD(forming_begin);
    WATTKEEL_ADD(island_step);
    WATTKEEL_ADD(island_balance);
    WATTKEEL_ADD(island_lift);
    WATTKEEL_ADD(island_turn);
    WATTKEEL_ADD(frequency_step);
    WATTKEEL_ADD(frequency_window);
    WATTKEEL_ADD(load_shedding);
    WATTKEEL_ADD(grid_step);
    WATTKEEL_ADD(record_tick);
    WATTKEEL_ADD(workload_run);
    WATTKEEL_ADD(gpu_run);
    WATTKEEL_ADD(rack_run);
    WATTKEEL_ADD(distribution_run);
    WATTKEEL_ADD(cooling_run);
    WATTKEEL_ADD(converter_run);
    WATTKEEL_ADD(battery_run);
    WATTKEEL_ADD(batteries_run);
    WATTKEEL_ADD(supercapacitor_run);
    WATTKEEL_ADD(control_run);
    WATTKEEL_ADD(grid_run);
    WATTKEEL_ADD(support_run);
    WATTKEEL_ADD(transformer_step);
    WATTKEEL_ADD(transformer_run);
    WATTKEEL_ADD(flicker_class);
    WATTKEEL_ADD(flicker_step);
    WATTKEEL_ADD(flicker_run);
    WATTKEEL_ADD(filter_run);
    WATTKEEL_ADD(range_run);
    WATTKEEL_ADD(mean_run);
    WATTKEEL_ADD(difference_run);
    WATTKEEL_ADD(worst_run);
    WATTKEEL_ADD(span_run);
    WATTKEEL_ADD(tones_run);
    WATTKEEL_ADD(ramp_class);
    WATTKEEL_ADD(classes_run);
    WATTKEEL_ADD(excursion_run);
#undef WATTKEEL_ADD
    return functions;
}

}  // namespace

void bind_kernels(py::module_& module) {
    module.def("kernels", &kernel_functions, py::arg("isa") = "",
               "Kernels of an instruction set as functions on numpy arrays, by name.");
}

}  // namespace wattkeel::bindings
