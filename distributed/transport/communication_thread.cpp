// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/communication_thread.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::Error;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// Ranks share cores with compute: after this long without news the thread sleeps between looks.
constexpr auto kSpin = std::chrono::microseconds(100);
constexpr auto kNap = std::chrono::microseconds(30);
constexpr auto kNoteWaits = std::chrono::milliseconds(200);
// How long a thread that was told to stop may take to come out of the library.
constexpr auto kLetGo = std::chrono::seconds(1);

}  // namespace

struct CommunicationThread::Job {
  Operation operation;
  std::unique_ptr<Transfer> transfer;
  std::shared_ptr<pipeline::OperationRing> ring = {};  // may be null
  std::int64_t recorded = 0;                           // its number there
  bool done = false;
  std::vector<int> missing = {};  // known once the thread has ended
};

/// Shared by the owner, the tickets and the thread itself, which may be left behind.
struct CommunicationThread::State {
  using Jobs = std::vector<std::shared_ptr<Job>>;

  explicit State(CommunicationOptions given) : options(std::move(given)) {}

  void run();
  bool collect(Jobs& active, Clock::time_point& last_news);
  void advance(Jobs& active, Clock::time_point& last_news);
  void note_waits(const Jobs& active);
  void finish(const Jobs& active);
  void stop(const Error& reason) noexcept;
  bool let_go(std::unique_lock<std::mutex>& lock);
  void wait(Job& job);
  void abandon(const Job& job) noexcept;

  CommunicationOptions options;  ///< of which the deadline may change
  std::mutex mutex;
  std::condition_variable work;  // for the thread: queued, closing or failure changed
  std::condition_variable news;  // for all others: a job, begun or ended changed
  Jobs queued;
  std::shared_ptr<pipeline::OperationRing> ring;
  Clock::time_point noted_at = Clock::now();  // by the thread alone
  bool begun = false;
  bool closing = false;          // finish what is under way, then end
  bool ended = false;            // the thread is past its last call and its last block
  std::optional<Error> failure;  // set: drop everything
  std::optional<Error> refusal;  // what begin() threw
  std::thread thread;
};

void CommunicationThread::State::run() {
  try {
    options.begin();
  } catch (const Error& error) {
    const std::lock_guard lock(mutex);
    refusal = error;
    ended = true;
    news.notify_all();
    return;
  }
  {
    const std::lock_guard lock(mutex);
    begun = true;
    news.notify_all();
  }
  // One round: take what is new, give every transfer one turn.
  Jobs active;
  auto last_news = Clock::now();
  while (collect(active, last_news)) {
    try {
      advance(active, last_news);
    } catch (const Error& error) {
      stop(error);
    }
  }
  finish(active);
}

/// Takes what was queued; sleeps while there is nothing to move. False: leave.
bool CommunicationThread::State::collect(Jobs& active, Clock::time_point& last_news) {
  std::unique_lock lock(mutex);
  const auto called = [this] { return !queued.empty() || closing || failure; };
  if (active.empty()) {
    work.wait(lock, called);
  } else if (queued.empty() && !failure && Clock::now() - last_news > kSpin) {
    work.wait_for(lock, kNap, [this] { return !queued.empty() || failure; });
  }
  if (failure) return false;
  if (!queued.empty()) last_news = Clock::now();
  active.insert(active.end(), queued.begin(), queued.end());
  queued.clear();
  return !(closing && active.empty());
}

void CommunicationThread::State::advance(Jobs& active, Clock::time_point& last_news) {
  Jobs finished;
  for (const auto& job : active) {
    if (job->transfer->advance()) finished.push_back(job);
  }
  if (finished.empty()) {
    note_waits(active);
    std::this_thread::yield();
    return;
  }
  for (const auto& job : finished) {
    if (job->ring) job->ring->end(job->recorded);
  }
  last_news = Clock::now();
  const std::lock_guard lock(mutex);
  for (const auto& job : finished) job->done = true;
  std::erase_if(active, [](const auto& job) { return job->done; });
  news.notify_all();
}

/// Of what takes a while: for whom.
void CommunicationThread::State::note_waits(const Jobs& active) {
  const auto now = Clock::now();
  if (now - noted_at < kNoteWaits) return;
  noted_at = now;
  for (const auto& job : active) {
    if (job->ring) job->ring->waiting(job->recorded, list_of(job->transfer->missing()));
  }
}

void CommunicationThread::State::finish(const Jobs& active) {
  const bool orderly = [this] {
    const std::lock_guard lock(mutex);
    return !failure;
  }();
  try {
    if (orderly) options.end();
  } catch (const Error& error) {
    pipeline::log_warn(error.what());
  }
  const std::lock_guard lock(mutex);
  for (const Jobs& jobs : {active, queued}) {
    for (const auto& job : jobs) job->missing = job->transfer->missing();
  }
  ended = true;
  news.notify_all();
}

void CommunicationThread::State::stop(const Error& reason) noexcept {
  const std::lock_guard lock(mutex);
  if (!failure) failure = reason;
  work.notify_all();
  news.notify_all();
}

/// Waits a little until the thread touches no block any more.
bool CommunicationThread::State::let_go(std::unique_lock<std::mutex>& lock) {
  return news.wait_for(lock, kLetGo, [this] { return ended; });
}

void CommunicationThread::State::wait(Job& job) {
  const auto limit = Clock::now() + Seconds(options.deadline_seconds);
  std::unique_lock lock(mutex);
  const bool settled = news.wait_until(lock, limit, [&] { return job.done || failure; });
  if (job.done) return;
  if (!settled) {
    failure = late_error(job.operation, options.rank, options.deadline_seconds, {});
    work.notify_all();
  }
  // Only a thread that has ended can tell the missing peers, and keeps off the caller's blocks.
  let_go(lock);
  if (settled) throw broken_error(job.operation, options.rank, *failure);
  failure = late_error(job.operation, options.rank, options.deadline_seconds, job.missing);
  throw Error(*failure);
}

void CommunicationThread::State::abandon(const Job& job) noexcept {
  std::unique_lock lock(mutex);
  if (job.done) return;
  if (!failure) {
    failure = Error(Errc::kCollective,
                    pipeline::text_of("an ", name_of(job.operation), " was dropped unfinished"));
  }
  work.notify_all();
  let_go(lock);
}

/// The waiting end of one job.
class CommunicationThread::Ticket : public Pending::Work {
 public:
  Ticket(std::shared_ptr<State> state, std::shared_ptr<Job> job)
      : state_(std::move(state)), job_(std::move(job)) {}

  void wait() override { state_->wait(*job_); }
  void abandon() noexcept override { state_->abandon(*job_); }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Job> job_;
};

CommunicationThread::CommunicationThread(CommunicationOptions options)
    : state_(std::make_shared<State>(std::move(options))) {
  state_->thread = std::thread([state = state_] { state->run(); });
  std::unique_lock lock(state_->mutex);
  state_->news.wait(lock, [this] { return state_->begun || state_->ended; });
  if (!state_->refusal) return;
  lock.unlock();
  state_->thread.join();
  throw Error(*state_->refusal);
}

CommunicationThread::~CommunicationThread() {
  std::unique_lock lock(state_->mutex);
  state_->closing = true;
  state_->work.notify_all();
  const auto gone = [this] { return state_->ended; };
  state_->news.wait_for(
      lock, Seconds(state_->options.deadline_seconds), [&] { return gone() || state_->failure; });
  if (!gone() && !state_->failure) {
    state_->failure = Error(Errc::kCollective, "the group did not end within its deadline");
    state_->work.notify_all();
  }
  const bool came_out = state_->let_go(lock);
  lock.unlock();
  // A thread that is stuck inside the library cannot be joined; it keeps its own share of the
  // state.
  came_out ? state_->thread.join() : state_->thread.detach();
}

Pending CommunicationThread::submit(Operation operation,
                                    std::unique_ptr<Transfer> transfer,
                                    std::string_view what) {
  auto job = std::make_shared<Job>(Job{operation, std::move(transfer)});
  const std::lock_guard lock(state_->mutex);
  if (state_->failure) {
    throw broken_error(operation, state_->options.rank, *state_->failure);
  }
  if (state_->ring) {
    job->ring = state_->ring;
    job->recorded = job->ring->begin(pipeline::text_of(name_of(operation), " ", what));
  }
  state_->queued.push_back(job);
  state_->work.notify_all();
  return Pending(std::make_unique<Ticket>(state_, std::move(job)));
}

void CommunicationThread::set_deadline(double seconds) {
  const std::lock_guard lock(state_->mutex);
  state_->options.deadline_seconds = seconds;
}

void CommunicationThread::record_in(std::shared_ptr<pipeline::OperationRing> ring) {
  const std::lock_guard lock(state_->mutex);
  state_->ring = std::move(ring);
}

void CommunicationThread::stop(const Error& reason) noexcept { state_->stop(reason); }

}  // namespace larkspur::distributed
