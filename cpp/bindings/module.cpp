// SPDX-License-Identifier: Apache-2.0
#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
    module.doc() = "Native core of wattkeel; use it through the wattkeel package.";
    wattkeel::bindings::bind_battery(module);
    wattkeel::bindings::bind_build(module);
    wattkeel::bindings::bind_engine(module);
    wattkeel::bindings::bind_kernels(module);
}
