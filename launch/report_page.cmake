# The frame of every report, with its style and scripts in their places, as a string in the program.
# Kept apart in report/page/ so that people can read and change them.
set(folder ${CMAKE_CURRENT_SOURCE_DIR}/report/page)
file(READ ${folder}/page.html page)
foreach(part STYLE=page.css CHARTS=charts.js SCRIPT=page.js)
  string(REGEX MATCH "^(.*)=(.*)$" matched ${part})
  set(file ${folder}/${CMAKE_MATCH_2})
  set(mark "%${CMAKE_MATCH_1}%")
  file(READ ${file} text)
  string(REPLACE "${mark}" "${text}" page "${page}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/page.html)
file(CONFIGURE OUTPUT report_page.cpp @ONLY CONTENT [[
// Written by launch/report_page.cmake.
#include "launch/report/page.h"

namespace larkspur::launch {

std::string_view page_template() {
  return R"PAGE(@page@)PAGE";
}

}  // namespace larkspur::launch
]])
target_sources(larkspur_launch PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/report_page.cpp)
