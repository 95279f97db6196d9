// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/mpi_group.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <mpi.h>

#include "distributed/transport/communication_thread.h"
#include "distributed/transport/exchange.h"
#include "distributed/transport/peer_memory.h"
#include "distributed/transport/rank_env.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;

constexpr std::size_t kPartBytes = std::size_t{1} << 30;  // MPI counts are ints
constexpr int kOperations = 4;        // that share a place have tags of their own
constexpr int kMostPlaces = 1 << 20;  // of operations before a tag comes again, where MPI lets them

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(Errc::kCollective,
              pipeline::text_of("[mpi] ", call, ": ", std::string(text, length)));
}

/// What the communication thread learns when it starts MPI; fixed from then on.
struct World {
  MPI_Comm communicator = MPI_COMM_NULL;
  int rank = 0;
  int size = 1;
  std::uint64_t word = draw_word();          ///< where the ranks of this host try to read it
  std::vector<std::int64_t> processes = {};  ///< [size]: of ranks that read this one's memory and
                                             ///< it theirs; 0: they do not
  std::vector<int> hosts = {};               ///< [size]: of each the lowest rank there
  int places = 1;                            ///< of operations before a tag comes again
};

/// What each of `communicator` has, in the order of its ranks.
template <typename Value>
std::vector<Value> gather_from_all(const std::vector<Value>& mine, MPI_Comm communicator) {
  int size = 0;
  check(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
  std::vector<Value> all(mine.size() * static_cast<std::size_t>(size));
  const int bytes = static_cast<int>(mine.size() * sizeof(Value));
  check(MPI_Allgather(mine.data(), bytes, MPI_BYTE, all.data(), bytes, MPI_BYTE, communicator),
        "MPI_Allgather");
  return all;
}

/// Ranks of one host try to read each other; those that both can, do.
void find_hosts(World& world, bool allowed) {
  world.processes.assign(static_cast<std::size_t>(world.size), 0);
  MPI_Comm host = MPI_COMM_NULL;
  check(MPI_Comm_split_type(
            world.communicator, MPI_COMM_TYPE_SHARED, world.rank, MPI_INFO_NULL, &host),
        "MPI_Comm_split_type");
  const std::vector<int> ranks = gather_from_all<int>({world.rank}, host);
  world.hosts = gather_from_all<int>({ranks.front()}, world.communicator);
  const auto cards = gather_from_all<MemoryCard>({card_of(world.word)}, host);
  std::vector<std::uint8_t> mine;
  for (const MemoryCard& card : cards) mine.push_back(allowed && may_read(card) ? 1 : 0);
  const auto all = gather_from_all(mine, host);  // row by row
  const auto me =
      static_cast<std::size_t>(std::find(ranks.begin(), ranks.end(), world.rank) - ranks.begin());
  for (std::size_t peer = 0; peer < ranks.size(); ++peer) {
    const bool both = mine[peer] != 0 && all[peer * ranks.size() + me] != 0;
    if (both && peer != me) {
      world.processes[static_cast<std::size_t>(ranks[peer])] = cards[peer].process;
    }
  }
  check(MPI_Comm_free(&host), "MPI_Comm_free");
}

void begin_mpi(World& world, const RankEnv& env) {
  int initialised = 0;
  check(MPI_Initialized(&initialised), "MPI_Initialized");
  require(initialised == 0,
          Errc::kInvalidArgument,
          "[mpi_group] MPI was initialised before in this process");
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  // Errors come back as codes on a communicator of our own; on the world they would end the job.
  check(MPI_Comm_dup(MPI_COMM_WORLD, &world.communicator), "MPI_Comm_dup");
  check(MPI_Comm_set_errhandler(world.communicator, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(world.communicator, &world.rank), "MPI_Comm_rank");
  check(MPI_Comm_size(world.communicator, &world.size), "MPI_Comm_size");
  require(world.rank == env.rank && world.size == env.size,
          Errc::kInvalidArgument,
          "[mpi_group] the launcher started rank ",
          env.rank,
          " of ",
          env.size,
          ", MPI sees rank ",
          world.rank,
          " of ",
          world.size,
          ": are they of one MPI?");
}

/// What is passed on goes later than what is sent at once, so a tag must not come again before its
/// operation is over: as many places as there are tags for, far more than are ever under way.
void count_places(World& world) {
  void* highest = nullptr;
  int is_set = 0;
  check(MPI_Comm_get_attr(world.communicator, MPI_TAG_UB, &highest, &is_set), "MPI_Comm_get_attr");
  const int tags = is_set != 0 ? *static_cast<const int*>(highest) : 32767;  // which MPI promises
  world.places = std::min(tags / kOperations, kMostPlaces);
}

void end_mpi(World& world) {
  check(MPI_Comm_free(&world.communicator), "MPI_Comm_free");
  check(MPI_Finalize(), "MPI_Finalize");
}

/// The messages of one exchange. Receives are posted before sends, so that a large message finds
/// its place at once and is copied only once; what is passed on goes as soon as it is here, but in
/// order.
class MpiTransfer : public Transfer {
 public:
  MpiTransfer(std::shared_ptr<const World> world, Exchange exchange, int tag)
      : world_(std::move(world)), exchange_(std::move(exchange)), tag_(tag) {}

  bool advance() override;
  std::vector<int> missing() const override;

 private:
  /// What a request is about; those that receive are checked for their size.
  struct Part {
    Message message;
    int bytes = 0;
    bool receives = false;
  };

  void start();
  void receive(const Message& message);
  void send(const Message& message, ConstBlock block);
  bool has_arrived(int block) const;
  void pass_on();
  void finish(const Part& part, const MPI_Status& status, bool failed) const;

  std::shared_ptr<const World> world_;
  Exchange exchange_;
  int tag_;
  bool started_ = false;
  std::vector<MPI_Request> requests_;  // null when done
  std::vector<Part> parts_;            // [requests]
  std::vector<MPI_Status> statuses_;   // [requests], of those that are just done
  std::vector<int> indices_;           // [requests], likewise
  std::vector<Message> to_pass_on_;
  std::size_t passed_on_ = 0;  // so many of them
};

void MpiTransfer::receive(const Message& message) {
  const Block block = exchange_.receives[static_cast<std::size_t>(message.block)];
  for (const BlockPart& part : parts_of(block.size(), kPartBytes)) {
    const int bytes = static_cast<int>(part.bytes);
    parts_.push_back({message, bytes, true});
    check(MPI_Irecv(block.data() + part.offset,
                    bytes,
                    MPI_BYTE,
                    message.peer,
                    tag_,
                    world_->communicator,
                    &requests_.emplace_back(MPI_REQUEST_NULL)),
          "MPI_Irecv");
  }
}

void MpiTransfer::send(const Message& message, ConstBlock block) {
  for (const BlockPart& part : parts_of(block.size(), kPartBytes)) {
    const int bytes = static_cast<int>(part.bytes);
    parts_.push_back({message, bytes, false});
    check(MPI_Isend(block.data() + part.offset,
                    bytes,
                    MPI_BYTE,
                    message.peer,
                    tag_,
                    world_->communicator,
                    &requests_.emplace_back(MPI_REQUEST_NULL)),
          "MPI_Isend");
  }
}

void MpiTransfer::start() {
  started_ = true;
  const int me = world_->rank;
  for (const Message& message : exchange_.received(me)) receive(message);
  for (const Message& message : exchange_.sent(me)) {
    send(message, exchange_.sends[static_cast<std::size_t>(message.block)]);
  }
  to_pass_on_ = exchange_.passed_on(me);
}

bool MpiTransfer::has_arrived(int block) const {
  for (std::size_t index = 0; index < requests_.size(); ++index) {
    const Part& part = parts_[index];
    if (part.receives && part.message.block == block && requests_[index] != MPI_REQUEST_NULL) {
      return false;
    }
  }
  return true;
}

void MpiTransfer::pass_on() {
  while (passed_on_ < to_pass_on_.size() && has_arrived(to_pass_on_[passed_on_].block)) {
    const Message& message = to_pass_on_[passed_on_++];
    send(message, exchange_.receives[static_cast<std::size_t>(message.block)]);
  }
}

bool MpiTransfer::advance() {
  if (!started_) start();
  statuses_.resize(requests_.size());
  indices_.resize(requests_.size());
  int done = 0;
  const int code = MPI_Testsome(static_cast<int>(requests_.size()),
                                requests_.data(),
                                &done,
                                indices_.data(),
                                statuses_.data());
  if (done == MPI_UNDEFINED) return true;  // no request is left, and nothing to pass on
  if (code != MPI_ERR_IN_STATUS) check(code, "MPI_Testsome");
  for (std::size_t place = 0; place < static_cast<std::size_t>(done); ++place) {
    finish(parts_[static_cast<std::size_t>(indices_[place])],
           statuses_[place],
           code == MPI_ERR_IN_STATUS);
  }
  pass_on();
  return std::all_of(requests_.begin(), requests_.end(), [](MPI_Request request) {
    return request == MPI_REQUEST_NULL;
  });
}

void MpiTransfer::finish(const Part& part, const MPI_Status& status, bool failed) const {
  if (failed) check(status.MPI_ERROR, part.receives ? "receive" : "send");
  if (!part.receives) return;
  int bytes = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
  require(bytes == part.bytes,
          Errc::kInvalidArgument,
          "[",
          name_of(exchange_.operation),
          "] rank ",
          part.message.peer,
          " sends ",
          bytes,
          " bytes, rank ",
          world_->rank,
          " expects ",
          part.bytes);
}

/// Of what is relayed the rank that it comes from, not the one that would pass it on.
std::vector<int> MpiTransfer::missing() const {
  std::vector<int> peers;
  for (int peer = 0; peer < world_->size; ++peer) {
    bool waits = !started_ && (exchange_.has_message(peer, world_->rank) ||
                               exchange_.has_message(world_->rank, peer));
    for (std::size_t index = 0; index < requests_.size(); ++index) {
      const Part& part = parts_[index];
      const int about = part.receives ? part.message.block : part.message.peer;
      waits = waits || (about == peer && requests_[index] != MPI_REQUEST_NULL);
    }
    if (waits) peers.push_back(peer);
  }
  return peers;
}

class MpiGroup : public ProcessGroup {
 public:
  MpiGroup(std::shared_ptr<const World> world,
           HostMap hosts,
           std::unique_ptr<CommunicationThread> thread)
      : ProcessGroup(world->rank, std::move(hosts)),
        world_(std::move(world)),
        thread_(std::move(thread)),
        unwinding_(std::uncaught_exceptions()) {}

  // While an exception unwinds this rank, the others will not meet it in MPI_Finalize.
  ~MpiGroup() override {
    if (std::uncaught_exceptions() > unwinding_) leave();
  }
  MpiGroup(const MpiGroup&) = delete;
  MpiGroup& operator=(const MpiGroup&) = delete;

  void abandon() noexcept override { leave(); }
  void set_deadline(double seconds) override { thread_->set_deadline(seconds); }
  void record_in(std::shared_ptr<pipeline::OperationRing> ring) override {
    thread_->record_in(std::move(ring));
  }

 protected:
  std::int64_t process_of(int peer) const noexcept override {
    return world_->processes[static_cast<std::size_t>(peer)];
  }

  Pending start(Exchange exchange) override {
    // Operations that differ between ranks have different tags, so they are late, never mixed up.
    const int tag = place_ * kOperations + static_cast<int>(exchange.operation);
    place_ = (place_ + 1) % world_->places;
    const Operation operation = exchange.operation;
    const std::string what = exchange.what;
    return thread_->submit(
        operation, std::make_unique<MpiTransfer>(world_, std::move(exchange), tag), what);
  }

 private:
  void leave() noexcept { thread_->stop(Error(Errc::kCollective, "this rank has left")); }

  std::shared_ptr<const World> world_;
  std::unique_ptr<CommunicationThread> thread_;
  int unwinding_;
  int place_ = 0;  // of the next operation in the order
};

}  // namespace

std::unique_ptr<ProcessGroup> make_mpi_group(const GroupOptions& options) {
  options.check();
  const RankEnv env = read_rank_env();
  const auto world = std::make_shared<World>();
  auto thread = std::make_unique<CommunicationThread>(
      CommunicationOptions{env.rank,
                           options.deadline_seconds,
                           [world, env, reads = options.reads_memory] {
                             begin_mpi(*world, env);
                             count_places(*world);
                             find_hosts(*world, reads);
                           },
                           [world] { end_mpi(*world); }});
  HostMap hosts(options.hosts.empty() ? world->hosts : options.hosts);
  require(hosts.ranks() == world->size,
          Errc::kInvalidArgument,
          "[mpi_group] hosts of ",
          hosts.ranks(),
          " ranks were given, there are ",
          world->size);
  return std::make_unique<MpiGroup>(world, std::move(hosts), std::move(thread));
}

}  // namespace larkspur::distributed
