// Unit tests without dependencies. Each test_*.cpp is one program:
//
//     #include "check.hpp"
//     TEST(energy_is_power_times_time) { CHECK_CLOSE(energy_j(2.0, 3.0), 6.0, 1e-15); }
//
// A failed check is printed with its place and the test goes on; the program then returns 1.
// `test_foo name` runs only the tests whose name contains `name`.
#pragma once

#include <cmath>
#include <exception>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

namespace check {

struct Test {
    const char* name;
    void (*body)();
};

inline std::vector<Test> tests;
inline int failures = 0;

struct Registration {
    Registration(const char* name, void (*body)()) { tests.push_back({name, body}); }
};

inline std::ostream& fail(const char* file, int line) {
    ++failures;
    std::cerr.precision(std::numeric_limits<double>::max_digits10);
    return std::cerr << file << ':' << line << ": ";
}

// Relative to the larger magnitude; equal values (infinities too) are close, NaN never is.
inline bool close(double a, double b, double tolerance) {
    return a == b || std::fabs(a - b) <= tolerance * std::fmax(std::fabs(a), std::fabs(b));
}

}  // namespace check

#define TEST(name)                                                                                 \
    static void name();                                                                            \
    static const check::Registration name##_registration(#name, name);                             \
    static void name()

#define CHECK(condition)                                                                           \
    ((condition) ? void() : void(check::fail(__FILE__, __LINE__) << #condition "\n"))

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        const auto& a_ = (a);                                                                      \
        const auto& b_ = (b);                                                                      \
        if (!(a_ == b_))                                                                           \
            check::fail(__FILE__, __LINE__) << #a " == " #b ": " << a_ << " and " << b_ << "\n";   \
    } while (false)

#define CHECK_CLOSE(a, b, tolerance)                                                               \
    do {                                                                                           \
        const double a_ = (a), b_ = (b);                                                           \
        if (!check::close(a_, b_, tolerance))                                                      \
            check::fail(__FILE__, __LINE__) << #a " ~ " #b ": " << a_ << " and " << b_ << "\n";    \
    } while (false)

#define CHECK_THROWS(expression, Exception)                                                        \
    do {                                                                                           \
        bool thrown_ = false;                                                                      \
        try {                                                                                      \
            static_cast<void>(expression);                                                         \
        } catch (const Exception&) {                                                               \
            thrown_ = true;                                                                        \
        }                                                                                          \
        if (!thrown_)                                                                              \
            check::fail(__FILE__, __LINE__) << #expression " did not throw " #Exception "\n";      \
    } while (false)

int main(int count, char** arguments) {
    const std::string filter = count > 1 ? arguments[1] : "";
    int run = 0;
    for (const check::Test& test : check::tests) {
        if (std::string(test.name).find(filter) == std::string::npos) continue;
        ++run;
        const int before = check::failures;
        try {
            test.body();
        } catch (const std::exception& error) {
            check::fail(__FILE__, __LINE__) << "exception: " << error.what() << "\n";
        }
        std::cout << (check::failures == before ? "ok      " : "FAILED  ") << test.name << "\n";
    }
    if (run == 0) std::cerr << "no test has a name with '" << filter << "' in it\n";
    return check::failures == 0 && run > 0 ? 0 : 1;
}
