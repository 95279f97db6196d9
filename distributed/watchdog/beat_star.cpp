// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/beat_star.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "distributed/watchdog/star_sockets.h"
#include "distributed/watchdog/verdict.h"
#include "distributed/watchdog/watchdog.h"
#include "pipeline/log.h"

namespace larkspur::distributed {
namespace {

using StarClock = std::chrono::steady_clock;

constexpr int kWindow = 60;  // looks between two judgements of who holds whom up

/// As it travels, between machines of one kind.
struct Beat {
  std::int64_t step = 0;
  double seconds = 0.0;
  std::int64_t phase = 0;
  std::int64_t is_last = 0;  ///< 1: the rank leaves, which is no fault
};

double seconds_since(StarClock::time_point then) {
  return std::chrono::duration<double>(StarClock::now() - then).count();
}

/// The other end of a connection, as heard here.
struct Peer {
  StarEnd end;
  pipeline::PhaseReport last;
  StarClock::time_point heard;
  std::string bytes;        ///< of a beat that has not arrived as a whole
  bool has_left = false;    ///< as it said itself, or never reached
  bool is_cut_off = false;  ///< nothing more comes; whoever has not left is silent from now on

  void tell(const pipeline::PhaseReport& report, bool is_last = false) const {
    const Beat beat{report.step, report.seconds, static_cast<std::int64_t>(report.phase), is_last};
    ::send(end.socket.get(), &beat, sizeof(beat), MSG_NOSIGNAL | MSG_DONTWAIT);  // the next will do
  }

  void listen() {
    if (is_cut_off) return;
    char buffer[64 * sizeof(Beat)];
    for (;;) {
      const ssize_t got = ::recv(end.socket.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      is_cut_off = got <= 0;
      if (is_cut_off) return;
      bytes.append(buffer, static_cast<std::size_t>(got));
      while (bytes.size() >= sizeof(Beat)) take();
    }
  }

 private:
  void take() {
    Beat beat;
    std::memcpy(&beat, bytes.data(), sizeof(beat));
    bytes.erase(0, sizeof(beat));
    last = {beat.step, static_cast<pipeline::RunPhase>(beat.phase), beat.seconds};
    heard = StarClock::now();
    has_left = beat.is_last != 0;
  }
};

}  // namespace

class BeatStar::State {
 public:
  State(pipeline::Communicator& ranks, const pipeline::PhaseBoard& board, StarOptions options)
      : rank_(ranks.rank()),
        board_(board),
        options_(std::move(options)),
        judge_(options_.deadline_seconds, options_.period_seconds) {
    for (StarEnd& end : connect_star(ranks)) {
      const bool is_reached = end.socket.valid();
      peers_.push_back({std::move(end), {}, StarClock::now(), {}, !is_reached});
    }
    last_look_ = StarClock::now();
    watch_ = Watchdog::of_process().every(options_.period_seconds, [this] { look(); });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    watch_ = Watch();
    for (Peer& peer : peers_) {
      if (peer.has_left) continue;
      peer.listen();  // what is closed unread may cut off what was said last
      peer.tell(board_.report(), /*is_last=*/true);
    }
  }

 private:
  void look() {
    const pipeline::PhaseReport mine = board_.report();
    // A process that was itself stopped must not take its own silence for that of the others.
    const bool was_away = seconds_since(std::exchange(last_look_, StarClock::now())) >
                          options_.period_seconds + options_.deadline_seconds / 2;
    for (Peer& peer : peers_) {
      if (peer.has_left) continue;
      peer.tell(mine);
      peer.listen();
      if (was_away) peer.heard = StarClock::now();
    }
    if (has_spoken_ || was_away) return;
    const std::vector<RankWatch> ranks = seen(mine);
    if (rank_ == 0) count(ranks);
    if (const auto found = judge_.look(ranks)) {
      has_spoken_ = true;
      options_.on_failure(pipeline::Error(pipeline::Errc::kCollective, *found));
    }
  }

  /// Over a window of looks; what is found is said once in the life of the star.
  void count(const std::vector<RankWatch>& ranks) {
    times_.resize(ranks.size());
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      times_[i].rank = ranks[i].rank;
      times_[i].host = ranks[i].host;
      times_[i].count(ranks[i].last.phase);
    }
    if (++looks_ % kWindow != 0) return;
    const auto found = straggler(times_);
    if (found && !has_warned_) pipeline::log_warn(*found);
    has_warned_ = has_warned_ || found.has_value();
    times_.clear();
  }

  std::vector<RankWatch> seen(const pipeline::PhaseReport& mine) const {
    std::vector<RankWatch> ranks;
    if (rank_ == 0) ranks.push_back({0, host_name(), mine});
    for (const Peer& peer : peers_) {
      ranks.push_back(
          {peer.end.rank, peer.end.host, peer.last, seconds_since(peer.heard), peer.has_left});
    }
    return ranks;
  }

  int rank_;
  const pipeline::PhaseBoard& board_;
  StarOptions options_;
  Judge judge_;
  std::vector<Peer> peers_;
  StarClock::time_point last_look_;
  bool has_spoken_ = false;
  std::vector<RankTime> times_;  ///< rank 0: of all ranks, since the window began
  int looks_ = 0;
  bool has_warned_ = false;
  Watch watch_;
};

BeatStar::BeatStar(pipeline::Communicator& ranks,
                   const pipeline::PhaseBoard& board,
                   const StarOptions& options) {
  if (ranks.size() > 1) state_ = std::make_unique<State>(ranks, board, options);
}

BeatStar::~BeatStar() = default;

}  // namespace larkspur::distributed
