# The units of cpp/src/isa/ are compiled once per instruction set. All that they define lives in the
# namespace WATTKEEL_ISA_NAMESPACE; dispatch.cpp chooses one at run time and knows from
# WATTKEEL_HAVE_<LEVEL> which there are.

include(CheckCXXCompilerFlag)
include(CheckCXXSourceCompiles)

# Sets `out` to the levels that this compiler can build for this machine.
function(wattkeel_isa_levels out)
  set(processor "${CMAKE_SYSTEM_PROCESSOR}")
  if(MSVC)
    set(processor "${CMAKE_CXX_COMPILER_ARCHITECTURE_ID}")
  elseif(CMAKE_OSX_ARCHITECTURES)
    set(processor "${CMAKE_OSX_ARCHITECTURES}") # a list for a universal binary: generic
  endif()

  if(NOT processor MATCHES "^(x86_64|AMD64|amd64|x64)$" OR NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
    set(${out} generic PARENT_SCOPE)
    return()
  endif()

  set(levels x86_64)
  # GCC 11 and older Clangs compile for a level but cannot ask the processor for it by name.
  check_cxx_source_compiles(
    "#ifndef _MSC_VER
    int main() { return __builtin_cpu_supports(\"x86-64-v4\"); }
    #else
    int main() { return 0; }
    #endif"
    WATTKEEL_COMPILER_ASKS_FOR_LEVELS)
  if(NOT WATTKEEL_COMPILER_ASKS_FOR_LEVELS)
    set(${out} ${levels} PARENT_SCOPE)
    return()
  endif()
  foreach(level IN ITEMS x86_64_v3 x86_64_v4)
    wattkeel_isa_option(option ${level})
    check_cxx_compiler_flag(${option} WATTKEEL_COMPILER_KNOWS_${level})
    if(WATTKEEL_COMPILER_KNOWS_${level})
      list(APPEND levels ${level})
    endif()
  endforeach()
  set(${out} ${levels} PARENT_SCOPE)
endfunction()

# Sets `out` to the compiler option that selects `level` (empty: the compiler's default).
function(wattkeel_isa_option out level)
  if(MSVC)
    set(x86_64_option "")
    set(x86_64_v3_option /arch:AVX2)
    set(x86_64_v4_option /arch:AVX512)
  else()
    set(x86_64_option -march=x86-64)
    set(x86_64_v3_option -march=x86-64-v3)
    set(x86_64_v4_option -march=x86-64-v4)
  endif()
  set(generic_option "")
  set(${out} "${${level}_option}" PARENT_SCOPE)
endfunction()

# Compiles the units once per level into the static library `core`.
function(wattkeel_add_isa_units core)
  set(sources ${ARGN})
  if(NOT sources)
    return()
  endif()
  wattkeel_isa_levels(levels)
  message(STATUS "wattkeel: kernels for ${levels}")

  set(objects "")
  foreach(level IN LISTS levels)
    set(unit wattkeel_isa_${level})
    wattkeel_isa_option(option ${level})
    add_library(${unit} OBJECT ${sources})
    target_include_directories(${unit} PRIVATE
      ${PROJECT_SOURCE_DIR}/cpp/include ${PROJECT_SOURCE_DIR}/cpp/src)
    target_compile_definitions(${unit} PRIVATE WATTKEEL_ISA_NAMESPACE=isa_${level})
    # After the general options, so that it wins over a -march or -flto in CXXFLAGS.
    target_link_libraries(${unit} PRIVATE wattkeel_options)
    target_compile_options(${unit} PRIVATE ${option} $<$<NOT:$<BOOL:${MSVC}>>:-fno-lto>
      # GCC threads the jumps of two comparisons in a row (a clamp) before it vectorises, and then
      # blends where a minimum and a maximum would do: some 5 to 10 % of the lane kernels. And it
      # packs straight-line code into vectors whose parts were just stored one by one: a battery
      # alone waits for that a third of its time. (If-conversion stays on: without it whole sites
      # lose a fifth to a third.)
      $<$<CXX_COMPILER_ID:GNU>:-fno-thread-jumps -fno-tree-slp-vectorize>)
    target_sources(${core} PRIVATE $<TARGET_OBJECTS:${unit}>)
    string(TOUPPER ${level} level_upper)
    target_compile_definitions(${core} PUBLIC WATTKEEL_HAVE_${level_upper}=1)
    list(APPEND objects $<TARGET_OBJECTS:${unit}>)
  endforeach()

  wattkeel_check_isa_symbols(${core} "${objects}")
endfunction()

# An inline function of a shared header that is not inlined lands in every unit under one name, and
# the linker keeps any of the copies: perhaps the AVX-512 one, for every machine. So no unit may
# define a weak symbol outside its own namespace. (Unoptimised builds inline nothing: not checked.)
function(wattkeel_check_isa_symbols core objects)
  if(MSVC OR APPLE OR NOT CMAKE_NM OR WATTKEEL_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
  endif()
  add_custom_command(TARGET ${core} POST_BUILD
    COMMAND ${CMAKE_COMMAND}
      "-DNM=${CMAKE_NM}" "-DOBJECTS=$<JOIN:${objects},$<SEMICOLON>>" -DSTRICT=${WATTKEEL_WERROR}
      -P ${PROJECT_SOURCE_DIR}/cmake/CheckIsaSymbols.cmake
    COMMENT "Checking that no kernel unit shares a function with another instruction set"
    VERBATIM)
endfunction()
