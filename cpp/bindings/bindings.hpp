// SPDX-License-Identifier: Apache-2.0
// One function per subject; module.cpp is their index.
#pragma once

#include <pybind11/pybind11.h>

namespace wattkeel::bindings {

void bind_battery(pybind11::module_& module);
void bind_build(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_kernels(pybind11::module_& module);

}  // namespace wattkeel::bindings
