# Compiler and linker options of every target, as the interface library `wattkeel_options`.
#
# Floating point is strict, so that the kernels agree bit for bit with their Python prototypes and
# on every instruction set:
#   -ffp-contract=off      a*b + c stays two roundings, also where there is an FMA instruction
#   -fno-math-errno        sqrt and friends need not set errno: lets loops vectorise, same values
#   -fno-trapping-math     nobody reads the floating-point exception flags: lets branches become
#                          selects, same values
# Options that allow other values (reassociation, finite-math-only) are never used; the first flag
# also takes them back should they come in through CXXFLAGS.

add_library(wattkeel_options INTERFACE)

if(MSVC)
  set(wattkeel_float_flags /fp:precise)
  target_compile_options(wattkeel_options INTERFACE
    ${wattkeel_float_flags} /W4 /permissive- /utf-8 /Zc:__cplusplus /Zc:preprocessor
    $<$<BOOL:${WATTKEEL_WERROR}>:/WX>)
  target_compile_definitions(wattkeel_options INTERFACE NOMINMAX _CRT_SECURE_NO_WARNINGS)
else()
  set(wattkeel_float_flags -ffp-contract=off -fno-math-errno -fno-trapping-math)
  target_compile_options(wattkeel_options INTERFACE
    -fno-fast-math ${wattkeel_float_flags}
    # CMake's RelWithDebInfo says -O2, at which GCC 11 leaves most loops scalar.
    $<$<NOT:$<CONFIG:Debug>>:-O3>
    -Wall -Wextra -pedantic -Wconversion -Wshadow
    $<$<BOOL:${WATTKEEL_WERROR}>:-Werror>)
  # At the link it keeps the start-up code away that flushes denormals for the whole process.
  target_link_options(wattkeel_options INTERFACE -fno-fast-math)
endif()

if(WATTKEEL_SANITIZE)
  if(MSVC)
    target_compile_options(wattkeel_options INTERFACE /fsanitize=address)
  else()
    set(sanitize_flags
      -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_compile_options(wattkeel_options INTERFACE ${sanitize_flags})
    target_link_options(wattkeel_options INTERFACE ${sanitize_flags})
  endif()
endif()
