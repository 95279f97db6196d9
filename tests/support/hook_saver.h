// SPDX-License-Identifier: Apache-2.0
// A saver that is done at once, for tests of the loop.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/state_saver.h"

namespace larkspur::testing {

class HookSaver final : public pipeline::StateSaver {
 public:
  explicit HookSaver(std::function<void()> save) : save_(std::move(save)) {}
  void begin() override { save_(); }
  bool is_busy() const override { return false; }
  std::string tell() override { return {}; }
  void hear(const std::vector<std::string>&) override {}
  void pause() override {}

 private:
  std::function<void()> save_;
};

}  // namespace larkspur::testing
