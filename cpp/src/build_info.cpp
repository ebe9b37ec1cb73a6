// SPDX-License-Identifier: Apache-2.0
#include "wattkeel/build_info.hpp"

namespace wattkeel {

std::map<std::string, std::string> build_info() {
    return {
        {"version", WATTKEEL_VERSION},
        {"build_type", WATTKEEL_BUILD_TYPE},
        {"float_flags", WATTKEEL_FLOAT_FLAGS},
#if defined(__clang__)
        {"compiler", "clang " __clang_version__},
#elif defined(__GNUC__)
        {"compiler", "gcc " __VERSION__},
#elif defined(_MSC_VER)
        {"compiler", "msvc " + std::to_string(_MSC_VER)},
#else
        {"compiler", "unknown"},
#endif
#ifdef NDEBUG
        {"assertions", "off"},
#else
        {"assertions", "on"},
#endif
    };
}

}  // namespace wattkeel
