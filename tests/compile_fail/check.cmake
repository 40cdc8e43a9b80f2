# SPDX-License-Identifier: MIT
# cmake -D COMPILER= -D INCLUDE=dir;... -D SOURCE= -P check.cmake
# SOURCE must not compile, and the first 15 lines that the compiler prints must match the regular expression on
# SOURCE's first line: `// expect: <regex>`. The lines that say which header includes which are not counted.
cmake_minimum_required(VERSION 3.25)
file(STRINGS ${SOURCE} _expect LIMIT_COUNT 1)
if(NOT _expect MATCHES "^// expect: (.+)$")
  message(FATAL_ERROR "${SOURCE}:1: the first line must be '// expect: <regex>'")
endif()
set(_expect "${CMAKE_MATCH_1}")

list(TRANSFORM INCLUDE PREPEND -I)
set(ENV{LC_ALL} C)
execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only ${INCLUDE} ${SOURCE}
                RESULT_VARIABLE _result OUTPUT_VARIABLE _ ERROR_VARIABLE _said)
if(_result STREQUAL "0")
  message(FATAL_ERROR "${SOURCE} compiles, and must not")
endif()

string(REGEX REPLACE "(In file included|                 )[ ]*from [^\n]*\n" "" _counted "${_said}")
set(_head)
foreach(_ RANGE 1 15)
  string(FIND "${_counted}" "\n" _end)
  if(_end EQUAL -1)
    break()
  endif()
  math(EXPR _end "${_end} + 1")
  string(SUBSTRING "${_counted}" 0 ${_end} _line)
  string(SUBSTRING "${_counted}" ${_end} -1 _counted)
  string(APPEND _head "${_line}")
endforeach()
if(NOT _head MATCHES "${_expect}")
  message(FATAL_ERROR "${SOURCE}: the compiler's first 15 lines do not match\n  ${_expect}\nIt said:\n${_said}")
endif()
