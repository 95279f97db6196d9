// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/nccl_group.h"

#include <exception>
#include <span>
#include <utility>

#include "distributed/transport/group_registry.h"
#include "distributed/transport/nccl_link.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;

class NcclWork : public Pending::Work {
 public:
  NcclWork(std::shared_ptr<NcclLink> link, Operation operation, std::shared_ptr<StreamMark> done)
      : link_(std::move(link)), operation_(operation), done_(std::move(done)) {}

  void wait() override { link_->order(operation_, *done_); }

  void abandon() noexcept override {
    try {
      if (done_->is_over()) return;
    } catch (const Error&) {  // the device failed: nothing will touch the blocks
    }
    link_->fail(Error(Errc::kCollective,
                      pipeline::text_of("an ", name_of(operation_), " was dropped unfinished")));
  }

 private:
  std::shared_ptr<NcclLink> link_;
  Operation operation_;
  std::shared_ptr<StreamMark> done_;
};

class NcclGroup : public ProcessGroup {
 public:
  NcclGroup(int rank, const HostMap& hosts, std::shared_ptr<NcclLink> link)
      : ProcessGroup(rank, hosts), link_(std::move(link)), unwinding_(std::uncaught_exceptions()) {}

  ~NcclGroup() override {
    if (std::uncaught_exceptions() > unwinding_) abandon();
    try {
      link_->finish();
    } catch (const Error& error) {
      pipeline::log_warn(error.what());
    }
  }
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  Memory memory() const noexcept override { return Memory::kDevice; }
  void abandon() noexcept override { link_->fail(Error(Errc::kCollective, "this rank has left")); }

 protected:
  Pending start(Exchange exchange) override {
    if (size() == 1) return {};
    return Pending(std::make_unique<NcclWork>(link_, exchange.operation, link_->issue(exchange)));
  }

  void copy_own(Block to, ConstBlock from) override {
    check_cuda(cudaMemcpyAsync(
                   to.data(), from.data(), from.size(), cudaMemcpyDeviceToDevice, compute_stream()),
               "[nccl] copy");
  }

 private:
  std::shared_ptr<NcclLink> link_;
  int unwinding_;
};

// Loading the library is what makes NCCL known.
const bool registered = [] {
  register_group("nccl", make_nccl_group);
  return true;
}();

}  // namespace

std::unique_ptr<ProcessGroup> make_nccl_group(const GroupOptions& options) {
  options.check();
  require(options.bootstrap != nullptr && options.bootstrap->memory() == Memory::kHost,
          Errc::kInvalidArgument,
          "[nccl_group] needs a bootstrap group of host memory");
  ProcessGroup& ranks = *options.bootstrap;
  ncclUniqueId id{};
  if (ranks.rank() == 0) {
    const ncclResult_t result = ncclGetUniqueId(&id);
    if (result != ncclSuccess) throw nccl_error("ncclGetUniqueId", result, nullptr);
  }
  ranks.broadcast(std::as_writable_bytes(std::span(id.internal)), 0).wait();
  auto link = std::make_shared<NcclLink>(ranks.rank(), ranks.size(), options);
  link->connect(id);
  auto group = std::make_unique<NcclGroup>(ranks.rank(), ranks.hosts(), link);
  group->barrier().wait();  // a message each way between all pairs: every connection is made
  link->drain();
  return group;
}

}  // namespace larkspur::distributed
