// SPDX-License-Identifier: Apache-2.0
// A group of ranks and the four operations between them, nonblocking and with a deadline.
//
//   issue: returns at once --> Pending --> wait(): the operation is done, or kCollective is thrown
//
// The one rule: every rank issues the same operations in the same order. How bytes travel is the
// transport's matter: one rank alone, threads of one process, processes under mpirun, or GPUs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "distributed/transport/host_map.h"
#include "pipeline/error.h"
#include "pipeline/operation_ring.h"

namespace larkspur::distributed {

/// Memory that one rank sends or receives: the host's, or a GPU's where ProcessGroup::memory() says
/// so. Empty blocks are allowed and are still exchanged.
using ConstBlock = std::span<const std::byte>;
using Block = std::span<std::byte>;

/// Where the blocks of a group lie.
enum class Memory : std::uint8_t {
  kHost,
  kDevice,  ///< of this rank's GPU; what was queued on the current stream before the call is waited
            ///< for, and what is queued on it after wait() finds the blocks arrived. wait() need
            ///< not hold the host for that: see GroupOptions::on_failure
};

/// Which ranks a block passes on its way where ProcessGroup::hosts() are several.
enum class Route : std::uint8_t {
  kPairs,    ///< from a rank to every other one, straight
  kInside,   ///< all_to_all: to the ranks of the same host only
  kAcross,   ///< all_to_all: only to the ranks of other hosts that the sender stands for
  kRelayed,  ///< all_gather: to every other host once, whose counterpart passes it on; a transport
             ///< without distances may go straight
};

class ProcessGroup;

/// How a group is made and how patient it is.
struct GroupOptions {
  std::string transport = "auto";  ///< a registered name, or auto: mpi under mpirun, else solo
  double deadline_seconds = 60.0;  ///< how long one wait() may last, > 0; where wait() does not
                                   ///< hold the host, how long an operation may, from its issue
  ProcessGroup* bootstrap =
      nullptr;  ///< nccl only: host memory, the same ranks; outlives the group

  /// nccl only: told once, by the watchdog's thread, what broke an operation that the host does not
  /// wait for. It should end the process, whose other threads may wait for the device for ever.
  /// Where it returns, or there is none, the next operation throws kCollective.
  std::function<void(const pipeline::Error&)> on_failure{};

  /// Host memory only: ranks of one host that may read each other's memory do so where an exchange
  /// offers it (TreeExchange), instead of copying it through the transport. The bits are the same.
  bool reads_memory = true;

  /// Threads and MPI: the host that each rank counts as being on, of as many as there are ranks.
  /// Empty: threads share one, of processes MPI knows. For tests and measurements.
  std::vector<int> hosts{};

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// An operation under way. Move-only; one thread at a time. The blocks of the operation must stay
/// untouched until wait() returns. Dropped without wait() while unfinished, it breaks the group.
class Pending {
 public:
  /// What a transport knows of an operation under way.
  class Work {
   public:
    virtual ~Work() = default;
    virtual void wait() = 0;              ///< as Pending::wait; called at most once
    virtual void abandon() noexcept = 0;  ///< the blocks are about to go: never touch them again

   protected:
    Work() = default;
    Work(const Work&) = default;
    Work& operator=(const Work&) = default;
  };

  Pending() = default;  ///< nothing to wait for
  explicit Pending(std::unique_ptr<Work> work) : work_(std::move(work)) {}
  Pending(Pending&& other) noexcept = default;
  Pending& operator=(Pending&& other) noexcept;
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending();

  /// Blocks until the operation is done; at once the second time. Throws kCollective naming the
  /// operation, this rank, the deadline and the peers it waited for, when wait() has lasted as long
  /// as the deadline or a peer is known to be lost. After a throw the group is broken: every later
  /// operation throws kCollective at once. The blocks are no longer touched by this process then.
  void wait();

 private:
  std::unique_ptr<Work> work_;
};

struct Exchange;

/// One thread at a time, on every rank. Must outlive the Pendings it returned.
/// Destroying a group that was not abandoned is an operation as well: it waits for the other ranks
/// up to the deadline where the transport needs that (MPI), and never longer.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int rank() const noexcept { return rank_; }  ///< [0, size())
  int size() const noexcept { return size_; }  ///< >= 1

  /// Which ranks exchange as one host's; the same on every rank. Where hosts would gain nothing
  /// (HostMap) that is all of them, wherever they are.
  const HostMap& hosts() const noexcept { return *hosts_; }

  /// Of all blocks that are not empty.
  virtual Memory memory() const noexcept { return Memory::kHost; }

  /// sends[r] goes to rank r, receives[r] is filled by rank r; both have size() entries, none of
  /// the receives overlaps another block. The sizes of the two ends of each pair must agree.
  /// `what` it is about ("bucket 3") is for record_in(). Blocks of pairs that the route leaves out
  /// are of no interest, but for the rank's own.
  Pending all_to_all(std::span<const ConstBlock> sends,
                     std::span<const Block> receives,
                     std::string_view what = {},
                     Route route = Route::kPairs);

  /// mine goes to every rank; receives[r] is filled by rank r and has the size of r's block.
  /// receives[rank()] may be the very memory of `mine`; otherwise it must not overlap it.
  Pending all_gather(ConstBlock mine,
                     std::span<const Block> receives,
                     std::string_view what = {},
                     Route route = Route::kPairs);

  /// data of rank `root` is copied into data of all others; the same size everywhere.
  Pending broadcast(Block data, int root);

  /// Done once every rank has issued it.
  Pending barrier();

  /// Whether this rank may read() the memory of that other one, and that one this rank's: the same
  /// answer on both, for the life of the group.
  bool reads(int peer) const noexcept { return process_of(peer) != 0; }

  /// Copies what lies at `address` in the memory of a peer that it reads(). The peer keeps it there
  /// and as it is until an operation that this rank issues after its last read has ended there.
  /// Throws kCollective where the peer has gone.
  void read(int peer, std::uint64_t address, Block to) const;

  /// How long one wait() may last from now on, > 0; of no meaning where wait() holds no host.
  virtual void set_deadline(double /*seconds*/) {}

  /// Where operations are noted from now on; transports other than MPI note nothing.
  virtual void record_in(std::shared_ptr<pipeline::OperationRing> /*ring*/) {}

  /// Leaves without the others, for a rank that met an error: drops what is under way. The others
  /// get kCollective: from threads at once, over MPI at the deadline unless mpirun ends them first.
  virtual void abandon() noexcept = 0;

 protected:
  ProcessGroup(int rank, int size) : ProcessGroup(rank, HostMap(size)) {}
  ProcessGroup(int rank, HostMap hosts)
      : rank_(rank),
        size_(hosts.ranks()),
        hosts_(std::make_shared<const HostMap>(std::move(hosts))) {}

  /// Starts the messages of this rank, those it passes on included: exchange.received(), sent() and
  /// passed_on(); the rank's message to itself has been copied already. This is all that a
  /// transport implements.
  virtual Pending start(Exchange exchange) = 0;

  /// The process in which a peer that this rank reads() has its memory, as this host numbers it; 0:
  /// it is not read.
  virtual std::int64_t process_of(int /*peer*/) const noexcept { return 0; }

  /// Copies what this rank sends itself; the same size, not empty, no overlap.
  virtual void copy_own(Block to, ConstBlock from);

 private:
  Pending start_checked(Exchange exchange);

  int rank_;
  int size_;
  std::shared_ptr<const HostMap> hosts_;  ///< operations under way may outlive the group
};

}  // namespace larkspur::distributed
