// SPDX-License-Identifier: Apache-2.0
#include "pipeline/log.h"

#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace larkspur::pipeline {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_mt("larkspur");
    made->set_pattern("%v");
    return made;
  }();
  return *instance;
}

}  // namespace

void configure_log(int rank, int ranks, bool debug) {
  const std::string who = ranks > 1 ? "[rank " + std::to_string(rank) + "] " : "";
  logger().set_pattern("%H:%M:%S %l " + who + "%v");
  logger().set_level(debug       ? spdlog::level::debug
                     : rank == 0 ? spdlog::level::info
                                 : spdlog::level::warn);
}

void log_info(const std::string& text) { logger().info(text); }
void log_warn(const std::string& text) { logger().warn(text); }
void log_debug(const std::string& text) { logger().debug(text); }

}  // namespace larkspur::pipeline
