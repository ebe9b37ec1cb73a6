// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace wattkeel {

// How this binary was built: version, compiler, build type, floating-point flags, assertions.
std::map<std::string, std::string> build_info();

}  // namespace wattkeel
