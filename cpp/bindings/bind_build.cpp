// SPDX-License-Identifier: Apache-2.0
// What the binary says about itself, and the layout of the structs that Python fills.
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "wattkeel/build_info.hpp"
#include "wattkeel/kernels.hpp"
#include "wattkeel/params.hpp"

namespace wattkeel::bindings {

namespace py = pybind11;

namespace {

py::dict build_info() {
    py::dict info;
    for (const auto& [key, value] : wattkeel::build_info()) info[py::str(key)] = value;
    info["instruction_sets_compiled"] = compiled_instruction_sets();
    info["instruction_sets_available"] = available_instruction_sets();
    return info;
}

py::list param_fields_list() {
    py::list fields;
    for (const ParamField& f : param_field_table) {
        fields.append(
            py::make_tuple(f.structure, f.field, f.offset, std::string(1, f.kind), f.count));
    }
    return fields;
}

}  // namespace

void bind_build(py::module_& module) {
    module.def("build_info", &build_info,
               "Version, compiler, flags and instruction sets of this binary.");
    module.def("param_fields", &param_fields_list,
               "(struct, field, offset, kind, count) of every field of the core structs.");
}

}  // namespace wattkeel::bindings
