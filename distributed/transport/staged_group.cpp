// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/staged_group.h"

#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "distributed/transport/exchange.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

at::Tensor bytes_on(const at::Device& device, const std::byte* data, std::size_t count) {
  auto* bytes = const_cast<std::byte*>(data);  // for_blob takes no const; sends are only read
  return at::for_blob(bytes, {static_cast<std::int64_t>(count)})
      .options(at::TensorOptions().dtype(at::kByte).device(device))
      .target_device(device)
      .make_tensor();
}

void copy(const at::Device& to_device,
          std::byte* to,
          const at::Device& from_device,
          const std::byte* from,
          std::size_t count) {
  if (count == 0) return;
  const at::Tensor target = bytes_on(to_device, to, count);
  target.copy_(bytes_on(from_device, from, count));
}

/// Twins in host memory of the blocks that travel, side by side in one buffer; empty for the
/// others.
template <typename AnyBlock>
class HostTwins {
 public:
  template <typename Travels>
  HostTwins(const std::vector<AnyBlock>& originals, const Travels& travels, bool pinned) {
    std::size_t total = 0;
    for (std::size_t peer = 0; peer < originals.size(); ++peer) {
      sizes_.push_back(travels(static_cast<int>(peer)) ? originals[peer].size() : 0);
      total += sizes_.back();
    }
    buffer_ = at::empty({static_cast<std::int64_t>(total)},
                        at::TensorOptions().dtype(at::kByte).pinned_memory(pinned));
  }

  std::vector<Block> blocks() const {
    std::vector<Block> blocks;
    auto* next = static_cast<std::byte*>(buffer_.mutable_data_ptr());
    for (const std::size_t size : sizes_) {
      blocks.emplace_back(next, size);
      next += size;
    }
    return blocks;
  }

 private:
  std::vector<std::size_t> sizes_;
  at::Tensor buffer_;
};

/// Waits for the host's messages and copies them to where the caller wants them.
class StagedWork : public Pending::Work {
 public:
  StagedWork(ProcessGroup& host, Exchange original, const at::Device& device)
      : original_(std::move(original)),
        device_(device),
        sends_(
            original_.sends,
            [&](int peer) { return sends_apart(peer, host.rank()); },
            device.is_cuda()),
        receives_(
            original_.receives,
            [&](int peer) { return original_.has_message(peer, host.rank()); },
            device.is_cuda()) {
    const std::vector<Block> staged = sends_.blocks();
    for (std::size_t to = 0; to < staged.size(); ++to) {
      copy(at::kCPU, staged[to].data(), device_, original_.sends[to].data(), staged[to].size());
    }
    start(host, staged);
  }

  void wait() override {
    pending_.wait();
    const std::vector<Block> staged = receives_.blocks();
    for (std::size_t from = 0; from < staged.size(); ++from) {
      copy(device_,
           original_.receives[from].data(),
           at::kCPU,
           staged[from].data(),
           staged[from].size());
    }
  }

  void abandon() noexcept override { pending_ = Pending(); }

 private:
  /// Of an all_gather one block is enough, that for the neighbour.
  bool sends_apart(int peer, int me) const {
    const int ranks = static_cast<int>(original_.sends.size());
    return original_.operation == Operation::kAllGather ? peer == (me + 1) % ranks
                                                        : original_.has_message(me, peer);
  }

  void start(ProcessGroup& host, const std::vector<Block>& staged) {
    std::vector<Block> receives = receives_.blocks();
    if (original_.operation == Operation::kAllGather) {
      const auto me = static_cast<std::size_t>(host.rank());
      const Block mine = staged[(me + 1) % staged.size()];
      receives[me] = mine;
      pending_ = host.all_gather(mine, receives, original_.what, original_.route);
      return;
    }
    // Whatever the operation: between each pair the one message, or an empty one.
    const std::vector<ConstBlock> sends(staged.begin(), staged.end());
    const std::string what = pipeline::text_of(name_of(original_.operation), " ", original_.what);
    pending_ = host.all_to_all(sends, receives, what, original_.route);
  }

  Exchange original_;
  at::Device device_;
  HostTwins<ConstBlock> sends_;
  HostTwins<Block> receives_;
  Pending pending_;  // goes first, before the buffers
};

class StagedGroup : public ProcessGroup {
 public:
  StagedGroup(ProcessGroup& host, at::Device device)
      : ProcessGroup(host.rank(), host.hosts()), host_(host), device_(device) {
    pipeline::require(host.memory() == Memory::kHost,
                      pipeline::Errc::kInvalidArgument,
                      "[staged_group] the group below moves device memory itself");
  }

  Memory memory() const noexcept override { return Memory::kDevice; }
  void abandon() noexcept override { host_.abandon(); }

 protected:
  Pending start(Exchange exchange) override {
    if (size() == 1) return {};
    return Pending(std::make_unique<StagedWork>(host_, std::move(exchange), device_));
  }

  void copy_own(Block to, ConstBlock from) override {
    copy(device_, to.data(), device_, from.data(), from.size());
  }

 private:
  ProcessGroup& host_;
  at::Device device_;
};

}  // namespace

std::unique_ptr<ProcessGroup> make_staged_group(ProcessGroup& host, c10::Device device) {
  return std::make_unique<StagedGroup>(host, device);
}

}  // namespace larkspur::distributed
