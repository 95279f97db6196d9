// SPDX-License-Identifier: Apache-2.0
#include "pipeline/background_work.h"

#include <chrono>
#include <utility>

namespace larkspur::pipeline {

BackgroundWork::~BackgroundWork() {
  if (!thread_.joinable()) return;
  wait(5.0);
  if (is_done()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void BackgroundWork::start(std::function<std::string()> work) {
  if (thread_.joinable()) thread_.join();
  std::packaged_task<std::string()> task(std::move(work));
  result_ = task.get_future();
  thread_ = std::thread(std::move(task));
}

std::optional<std::string> BackgroundWork::take() {
  if (!is_under_way() || !is_done()) return std::nullopt;
  return result_.get();
}

void BackgroundWork::wait(double seconds) const {
  if (result_.valid()) (void)result_.wait_for(std::chrono::duration<double>(seconds));
}

bool BackgroundWork::is_done() const {
  return !result_.valid() || result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace larkspur::pipeline
