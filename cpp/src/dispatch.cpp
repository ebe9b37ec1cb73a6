// SPDX-License-Identifier: Apache-2.0
// Choice of the instruction set at run time.
#include <cstdlib>
#include <stdexcept>

#include "wattkeel/kernels.hpp"

#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#endif

namespace wattkeel {

#if defined(WATTKEEL_HAVE_X86_64)
namespace isa_x86_64 {
extern const KernelTable table;
}
#endif
#if defined(WATTKEEL_HAVE_X86_64_V3)
namespace isa_x86_64_v3 {
extern const KernelTable table;
}
#endif
#if defined(WATTKEEL_HAVE_X86_64_V4)
namespace isa_x86_64_v4 {
extern const KernelTable table;
}
#endif
#if defined(WATTKEEL_HAVE_GENERIC)
namespace isa_generic {
extern const KernelTable table;
}
#endif

namespace {

struct Level {
    const KernelTable* table;
    bool (*available)();
};

[[maybe_unused]] bool always() { return true; }

#if defined(_MSC_VER) && defined(_M_X64)
// AVX2 needs the system to save the wide registers too: XCR0 bits 1-2, and 5-7 for AVX-512.
bool has_features(unsigned leaf_7_ebx, unsigned long long xcr0) {
    int info[4];
    __cpuid(info, 1);
    if ((info[2] >> 27 & 1) == 0 || (_xgetbv(0) & xcr0) != xcr0) return false;
    __cpuidex(info, 7, 0);
    return (static_cast<unsigned>(info[1]) & leaf_7_ebx) == leaf_7_ebx;
}
#endif

#if defined(WATTKEEL_HAVE_X86_64_V3)
bool has_v3() {
#if defined(_MSC_VER)
    return has_features(1u << 5 | 1u << 8, 0x6);  // AVX2, BMI2
#else
    return __builtin_cpu_supports("x86-64-v3") > 0;
#endif
}
#endif

#if defined(WATTKEEL_HAVE_X86_64_V4)
bool has_v4() {
#if defined(_MSC_VER)
    return has_features(1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31,
                        0xE6);  // F, DQ, CD, BW, VL
#else
    return __builtin_cpu_supports("x86-64-v4") > 0;
#endif
}
#endif

const std::vector<Level>& levels() {
    static const std::vector<Level> all = {
#if defined(WATTKEEL_HAVE_GENERIC)
        {&isa_generic::table, always},
#endif
#if defined(WATTKEEL_HAVE_X86_64)
        {&isa_x86_64::table, always},
#endif
#if defined(WATTKEEL_HAVE_X86_64_V3)
        {&isa_x86_64_v3::table, has_v3},
#endif
#if defined(WATTKEEL_HAVE_X86_64_V4)
        {&isa_x86_64_v4::table, has_v4},
#endif
    };
    return all;
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

std::vector<std::string> compiled_instruction_sets() {
    std::vector<std::string> names;
    for (const Level& level : levels()) names.emplace_back(level.table->name);
    return names;
}

std::vector<std::string> available_instruction_sets() {
    std::vector<std::string> names;
    for (const Level& level : levels()) {
        if (level.available()) names.emplace_back(level.table->name);
    }
    return names;
}

const KernelTable& kernels(const std::string& name) {
    std::string wanted = name;
    if (wanted.empty()) {
        const char* forced = std::getenv("WATTKEEL_ISA");
        if (forced != nullptr) wanted = forced;
    }
    const KernelTable* best = nullptr;
    for (const Level& level : levels()) {
        if (!level.available()) continue;
        if (wanted == level.table->name) return *level.table;
        best = level.table;
    }
    if (!wanted.empty()) {
        throw std::invalid_argument("instruction set \"" + wanted +
                                    "\" is not available; this machine has " +
                                    joined(available_instruction_sets()));
    }
    return *best;
}

}  // namespace wattkeel
