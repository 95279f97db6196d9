// SPDX-License-Identifier: Apache-2.0
// A group of host memory on top of one of device memory, so that the checks of group_operations.h
// run on it: every block goes to the GPU, through the group's own operation, and back.
#pragma once

#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "distributed/transport/exchange.h"
#include "distributed/transport/process_group.h"

namespace larkspur::testing {

class DeviceBlocks : public distributed::ProcessGroup {
 public:
  DeviceBlocks(distributed::ProcessGroup& device_group, at::Device device)
      : ProcessGroup(device_group.rank(), device_group.hosts()),
        group_(device_group),
        device_(device) {}

  void abandon() noexcept override { group_.abandon(); }

 protected:
  distributed::Pending start(distributed::Exchange exchange) override {
    return distributed::Pending(std::make_unique<Work>(group_, std::move(exchange), device_));
  }

 private:
  using Blocks = std::vector<distributed::Block>;

  static at::Tensor on_host(std::byte* data, std::size_t bytes) {
    return at::from_blob(data, {static_cast<std::int64_t>(bytes)}, at::kByte);
  }

  class Work : public distributed::Pending::Work {
   public:
    Work(distributed::ProcessGroup& group, distributed::Exchange exchange, at::Device device)
        : exchange_(std::move(exchange)), me_(static_cast<std::size_t>(group.rank())) {
      Blocks sends;
      Blocks receives;
      for (std::size_t peer = 0; peer < exchange_.sends.size(); ++peer) {
        const distributed::ConstBlock send = exchange_.sends[peer];
        auto* data = const_cast<std::byte*>(send.data());  // from_blob takes no const
        sent_.push_back(on_host(data, send.size()).to(device, false, /*copy=*/true));
        sends.push_back(bytes_of(sent_.back()));
        received_.push_back(
            sent_.back().new_empty({static_cast<std::int64_t>(exchange_.receives[peer].size())}));
        receives.push_back(bytes_of(received_.back()));
      }
      pending_ = issue(group, sends, receives);
    }

    void wait() override {
      pending_.wait();
      for (std::size_t peer = 0; peer < received_.size(); ++peer) {
        if (peer == me_ || received_[peer].numel() == 0) continue;
        if (!exchange_.has_message(static_cast<int>(peer), static_cast<int>(me_))) continue;
        const distributed::Block block = exchange_.receives[peer];
        on_host(block.data(), block.size()).copy_(received_[peer]);
      }
    }
    void abandon() noexcept override { pending_ = {}; }

   private:
    static distributed::Block bytes_of(const at::Tensor& tensor) {
      return {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()};
    }

    distributed::Pending issue(distributed::ProcessGroup& group,
                               const Blocks& sends,
                               const Blocks& receives) {
      const std::vector<distributed::ConstBlock> to(sends.begin(), sends.end());
      switch (exchange_.operation) {
        case distributed::Operation::kBarrier:
          return group.barrier();
        case distributed::Operation::kBroadcast: {
          const bool sends_it = exchange_.root == static_cast<int>(me_);
          return group.broadcast(
              sends_it ? sends[me_] : receives[static_cast<std::size_t>(exchange_.root)],
              exchange_.root);
        }
        case distributed::Operation::kAllGather:
          return group.all_gather(to[me_], receives, exchange_.what, exchange_.route);
        case distributed::Operation::kAllToAll:
          break;
      }
      return group.all_to_all(to, receives, exchange_.what, exchange_.route);
    }

    distributed::Exchange exchange_;
    std::size_t me_;
    std::vector<at::Tensor> sent_;
    std::vector<at::Tensor> received_;
    distributed::Pending pending_;  // goes first, before the tensors
  };

  distributed::ProcessGroup& group_;
  at::Device device_;
};

}  // namespace larkspur::testing
