// SPDX-License-Identifier: Apache-2.0
// How numpy arrays become the core's flat buffers. Nothing is converted or copied: an array of
// another type or layout is refused, since writing into a silent copy would lose the result.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <type_traits>

#include "wattkeel/site.hpp"

namespace wattkeel::bindings {

namespace py = pybind11;

// Checks that `object` is a C-contiguous array whose items are of the size and kind of T, and gives
// its rows.
template <class T> Rows<T> rows(const py::handle& object, const std::string& what) {
    using Item = std::remove_const_t<T>;
    if (!py::isinstance<py::array>(object)) throw py::type_error(what + ": expected a numpy array");
    const auto array = py::reinterpret_borrow<py::array>(object);
    const char kind = std::is_same_v<Item, double>         ? 'f'
                      : std::is_same_v<Item, std::int64_t> ? 'i'
                                                           : 'V';
    const char order = array.dtype().byteorder();
    const bool native = order == '=' || order == '|';
    if (!native || array.dtype().kind() != kind ||
        array.itemsize() != static_cast<py::ssize_t>(sizeof(Item))) {
        throw py::type_error(what + ": wrong dtype " + py::str(array.dtype()).cast<std::string>());
    }
    if ((array.flags() & py::array::c_style) == 0)
        throw py::type_error(what + ": not C-contiguous");
    if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(Item) != 0) {
        throw py::type_error(what + ": not aligned");
    }
    if constexpr (!std::is_const_v<T>) {
        if (!array.writeable()) throw py::type_error(what + ": read-only");
    }
    return {static_cast<T*>(const_cast<void*>(array.data())),
            static_cast<std::int64_t>(array.size())};
}

}  // namespace wattkeel::bindings
