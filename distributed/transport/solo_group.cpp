// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/solo_group.h"

#include "distributed/transport/exchange.h"

namespace larkspur::distributed {
namespace {

class SoloGroup : public ProcessGroup {
 public:
  SoloGroup() : ProcessGroup(0, 1) {}

  void abandon() noexcept override {}

 protected:
  Pending start(Exchange /*exchange*/) override { return {}; }
};

}  // namespace

std::unique_ptr<ProcessGroup> make_solo_group(const GroupOptions& options) {
  options.check();
  return std::make_unique<SoloGroup>();
}

}  // namespace larkspur::distributed
