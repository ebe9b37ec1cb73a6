// SPDX-License-Identifier: Apache-2.0
// A battery that Python steps tick by tick: its buffers are checked once, and not at every call.
#include <array>
#include <cmath>

#include "arrays.hpp"
#include "bindings.hpp"
#include "wattkeel/kernels.hpp"

namespace wattkeel::bindings {

namespace {

// A number from Python, without a conversion of what is none; NaN for what has to be told apart.
double number_of(const py::handle& object) {
    PyObject* const raw = object.ptr();
    if (PyFloat_Check(raw)) return PyFloat_AS_DOUBLE(raw);
    if (!PyLong_CheckExact(raw)) return std::nan("");
    const double value = PyLong_AsDouble(raw);
    if (value != -1.0 || PyErr_Occurred() == nullptr) return value;
    PyErr_Clear();  // beyond all floats
    return std::nan("");
}

// Keeps the Python objects alive, so that the addresses stay valid.
class BatteryStepper {
public:
    static constexpr std::int64_t outputs = 10;

    BatteryStepper(py::object record, py::object state, py::object climate, py::object cell,
                   py::object table, const std::string& isa)
        : kept_{record, state, climate, cell, table}, kernels_(kernels(isa)),
          record_(one<const BatteryParams>(record, "record")),
          state_(one<BatteryState>(state, "state")),
          climate_(one<const ContainerParams>(climate, "climate")),
          table_(rows<const double>(table, "table").data) {
        const Rows<double> found = rows<double>(cell, "cell");
        if (found.size == 0 || found.size % cell_rows != 0) {
            throw py::value_error("cell: expected " + std::to_string(cell_rows) + " rows");
        }
        cell_ = {found.data, found.size / cell_rows};
        if (record_->groups != 1 && record_->groups != cell_.stride) {
            throw py::value_error("cell: expected a column for each group of strings");
        }
    }

    // One battery over one tick; None where `asked` is no finite number.
    py::object step(std::int64_t mode, const py::handle& asked) {
        const double value = number_of(asked);
        if (!std::isfinite(value)) return py::none();
        if (record_->groups != cell_.stride) throw py::value_error("step: more than one battery");
        const BatteryFlow flow =
            kernels_.battery_step(*record_, *state_, *climate_, mode, cell_, table_, value);
        return py::make_tuple(flow.delivered_w, flow.inner_w, flow.heat_w, flow.stored_w,
                              flow.current_a, flow.voltage_v, flow.end_voltage_v, flow.soc,
                              flow.limited);
    }

    // Batteries side by side over one tick, into the rows of `out`.
    void step_many(std::int64_t mode, const py::handle& asked, const py::handle& out) {
        const std::int64_t n = cell_.stride;
        const Rows<const double> command = rows<const double>(asked, "asked");
        const Rows<double> into = rows<double>(out, "out");
        if (command.size != n || into.size != outputs * n || record_->groups != 1) {
            throw py::value_error("step_many: shapes do not fit the batteries");
        }
        const auto row = [&](std::int64_t k) { return into.data + k * n; };
        kernels_.batteries_run(1, 1, n, *record_, *state_, *climate_, mode, cell_, table_,
                               command.data, row(0), row(1), row(2), row(3), row(4), row(5), row(6),
                               row(7), row(8), row(9));
    }

private:
    template <class T> static T* one(const py::handle& object, const char* what) {
        const Rows<T> found = rows<T>(object, what);
        if (found.size != 1) throw py::value_error(std::string(what) + ": expected one record");
        return found.data;
    }

    std::array<py::object, 5> kept_;
    const KernelTable& kernels_;
    const BatteryParams* record_;
    BatteryState* state_;
    const ContainerParams* climate_;
    const double* table_;
    CellRows cell_{};
};

}  // namespace

void bind_battery(py::module_& module) {
    py::class_<BatteryStepper>(module, "BatteryStepper",
                               "Steps the buffers of one battery, or of many side by side.")
        .def(py::init<py::object, py::object, py::object, py::object, py::object,
                      const std::string&>(),
             py::arg("record"), py::arg("state"), py::arg("climate"), py::arg("cell"),
             py::arg("table"), py::arg("isa") = "")
        .def("step", &BatteryStepper::step, py::arg("mode"), py::arg("asked"))
        .def("step_many", &BatteryStepper::step_many, py::arg("mode"), py::arg("asked"),
             py::arg("out"));
}

}  // namespace wattkeel::bindings
